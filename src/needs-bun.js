// What is loaded where Bun is not: the name is there, so that an import of it comes to the message.
export function createServer() {}

throw new Error(
  "stormdb needs Bun (https://bun.sh): run this with bun, or start its binary, `stormdb server`, and connect to that",
);
