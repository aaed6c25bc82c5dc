/** The forms of values in files: one object a type. A type that is missing here does not compile. */
import { typeNumber } from "../../store/entry.ts";
import { byTypeNumber, type TypeName } from "../../store/value-type.ts";
import { HASH_FORMAT } from "./hash.ts";
import { LIST_FORMAT } from "./list.ts";
import { SET_FORMAT } from "./set.ts";
import { ZSET_FORMAT } from "./sorted-set.ts";
import { STRING_FORMAT } from "./string.ts";
import type { ValueFormat } from "./value-format.ts";

export const VALUE_FORMATS: Readonly<Record<TypeName, ValueFormat>> = {
  string: STRING_FORMAT,
  list: LIST_FORMAT,
  zset: ZSET_FORMAT,
  set: SET_FORMAT,
  hash: HASH_FORMAT,
};

const BY_NUMBER = byTypeNumber(VALUE_FORMATS);

/** The form of an entry's value, by the entry's meta. */
export function formatOf(meta: number): ValueFormat {
  return BY_NUMBER[typeNumber(meta)]!;
}
