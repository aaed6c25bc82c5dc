/** `--askpass`. */
import { isCancel, password } from "@clack/prompts";

/** The password; undefined where none is given. */
export async function askPassword(): Promise<string | undefined> {
  if (!process.stdin.isTTY) {
    const [line = ""] = (await Bun.stdin.text()).split("\n");
    return line === "" ? undefined : line;
  }
  const answer = await password({ message: "Password" });
  return isCancel(answer) || answer === "" ? undefined : answer;
}
