/** Byte texts: one character a byte, as configuration and file names are kept. */
import { latin1Text } from "./bytes.ts";

/** The UTF-8 of the text, a character for each byte. */
export function byteText(text: string): string {
  return latin1Text(Buffer.from(text));
}

/** The text that the bytes are the UTF-8 of: what people read, and the system's file names. */
export function fromByteText(text: string): string {
  return Buffer.from(text, "latin1").toString();
}
