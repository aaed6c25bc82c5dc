/** Reads replies of a live server into values that tests compare. */
import type { RawClient } from "../harness/raw-client.ts";

/** The text of a bulk or verbatim reply. */
export function textOf(reply: string): string {
  if (reply[0] !== "$" && reply[0] !== "=") throw new Error(`no text: ${reply}`);
  const text = reply.slice(reply.indexOf("\r\n") + 2, -2);
  return reply[0] === "=" ? text.slice(4) : text;
}

/** The fields of INFO's sections, by name. */
export async function readInfo(
  client: RawClient,
  ...sections: string[]
): Promise<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const line of textOf(await client.call("INFO", ...sections)).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}

export async function readInfoNumber(
  client: RawClient,
  section: string,
  field: string,
): Promise<number> {
  return Number((await readInfo(client, section))[field]);
}

/** The fields of the lines of CLIENT LIST or CLIENT INFO. */
export async function readClients(
  client: RawClient,
  ...args: string[]
): Promise<Record<string, string>[]> {
  const text = textOf(await client.call("CLIENT", ...args));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      Object.fromEntries(
        line.split(" ").map((field) => {
          const equals = field.indexOf("=");
          return [field.slice(0, equals), field.slice(equals + 1)];
        }),
      ),
    );
}

/**
 * Bytes of what is kept for normal clients besides the connections themselves, for which INFO counts
 * a fixed number of bytes each.
 */
export async function readClientBuffers(client: RawClient): Promise<number> {
  const [own] = await readClients(client, "INFO");
  const { connected_clients, mem_clients_normal } = await readInfo(client, "clients", "memory");
  // The command that asks is all that this client's buffers hold.
  const connectionBytes = Number(own!["tot-mem"]) - Number(own!.qbuf);
  return Number(mem_clients_normal) - Number(connected_clients) * connectionBytes;
}

/** A bulk reply with this text. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** What CONFIG GET says of a directive. */
export async function readDirective(client: RawClient, name: string): Promise<string> {
  const lines = (await client.call("CONFIG", "GET", name)).split("\r\n");
  return lines.slice(4, -1).join("\r\n");
}
