/** A table of members with a plain Map beside it. */
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import type { Random } from "../../../src/base/random.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { MemberTable } from "../../../src/memory/member-table.ts";
import { BARE_RECORD_BYTES, RECORD_BYTES } from "../../../src/memory/record.ts";
import { pick } from "../seeds.ts";

export const heap = new Heap(1);
/** With the name of each kind of record. */
export const TABLES = [RECORD_BYTES, BARE_RECORD_BYTES].map(
  (headBytes) =>
    [
      headBytes === RECORD_BYTES ? "with a word" : "without one",
      new MemberTable(heap, new Hash(1, 2), headBytes),
    ] as const,
);

/** A table of members with a tail of any length, with a Map beside it. */
export class MemberPair {
  readonly table: MemberTable;
  model = new Map<string, string>();

  constructor(table: MemberTable) {
    this.table = table;
    table.create();
  }

  find(member: string): number {
    return this.table.find(latin1(`..${member}`), 2, member.length);
  }

  set(member: string, tail: string): void {
    const { table } = this;
    const present = this.find(member);
    const record =
      present === 0
        ? table.add(latin1(member), 0, member.length, 0, tail.length)
        : table.resized(present, tail.length);
    table.bytesOf(record).set(latin1(tail), table.tailAt(record));
    this.model.set(member, tail);
  }

  remove(member: string): void {
    this.table.remove(this.find(member));
    this.model.delete(member);
  }

  /** `tailOf` is told by the model: a record does not know how long its tail is. */
  read(record: number, model = this.model): [string, string] {
    const { table } = this;
    const bytes = table.bytesOf(record);
    const at = table.memberAt(record);
    const member = latin1Text(bytes, at, at + table.memberLength(record));
    const length = model.get(member)?.length ?? 0;
    const tail = table.tailAt(record);
    return [member, latin1Text(bytes, tail, tail + length)];
  }

  contents(): Map<string, string> {
    const found = new Map<string, string>();
    this.table.table.check(
      this.table.root,
      (record) => found.set(...this.read(record)),
      () => {},
    );
    return found;
  }

  change(random: Random): void {
    const members = [...this.model.keys()];
    const isGrowing = random.below(3) > 0;
    if (isGrowing || members.length === 0) {
      this.set(`m${random.below(400)}`, "t".repeat(random.below(40)));
    } else this.remove(pick(random, members));
  }
}
