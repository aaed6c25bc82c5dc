/** Names and addresses of hosts that others tell. */

const BYTES_MAX = 255;

/**
 * Whether the text can be a host's name or address. Anything with a space or a control character is
 * refused: it would add lines of its own to logs, to INFO and to the configuration file.
 */
export function isHostName(text: string): boolean {
  return text.length <= BYTES_MAX && /^[!-~\x80-\xff]+$/.test(text);
}
