/** The numbers of the RDB format. Source: Redis's rdb.h and the published descriptions of the format. */

/** Written: what redis-server 7.0 loads. Read: what Redis up to 8.10 writes. */
export const RDB_VERSION = 10;
export const RDB_VERSION_MAX = 15;
/** Written where fields of hashes expire; Valkey has that from its first own version on. */
export const FIELD_EXPIRY_VERSION = 12;
/** Valkey's own versions, from 9.0 on; their files begin with VALKEY. */
export const VALKEY_VERSION_MIN = 80;
export const VALKEY_VERSION_MAX = 81;

/** Before everything else: REDIS or VALKEY, and the version. */
export const MAGIC_BYTES = 9;

export const OPCODE = {
  /** Redis's; in Valkey another one has the number. */
  hashTemplate: 242,
  slotInfo: 244,
  function2: 245,
  functionPreGa: 246,
  moduleAux: 247,
  idle: 248,
  frequency: 249,
  aux: 250,
  resizeDb: 251,
  expireMs: 252,
  expireSeconds: 253,
  selectDb: 254,
  end: 255,
} as const;

export const TYPE = {
  string: 0,
  list: 1,
  set: 2,
  zset: 3,
  hash: 4,
  zset2: 5,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listQuicklist: 14,
  hashListpack: 16,
  zsetListpack: 17,
  listQuicklist2: 18,
  setListpack: 20,
  /** Redis's before its release, or Valkey's hash with fields that expire. */
  hash22: 22,
  hashListpackBeforeRelease: 23,
  hashExpiring: 24,
  hashListpackExpiring: 25,
  hashOfTemplateListpack: 29,
  hashOfTemplateRefListpack: 30,
  hashOfTemplate: 31,
  hashOfTemplateRef: 32,
} as const;

/** Names of the types there are, for messages about those that this server does not have. */
export const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: "string",
  1: "list",
  2: "set",
  3: "sorted set",
  4: "hash",
  5: "sorted set",
  6: "module value",
  7: "module value",
  9: "hash (zipmap)",
  10: "list (ziplist)",
  11: "set (intset)",
  12: "sorted set (ziplist)",
  13: "hash (ziplist)",
  14: "list (quicklist)",
  15: "stream",
  16: "hash (listpack)",
  17: "sorted set (listpack)",
  18: "list (quicklist 2)",
  19: "stream",
  20: "set (listpack)",
  21: "stream",
};

/** Node containers of a quicklist. */
export const PLAIN_NODE = 1;
export const PACKED_NODE = 2;

/** First two bits of a length, or what stands in their place. */
export const LENGTH_14 = 0x40;
export const LENGTH_32 = 0x80;
export const LENGTH_64 = 0x81;
export const ENCODED = 0xc0;
export const ENCODED_INT8 = 0;
export const ENCODED_INT16 = 1;
export const ENCODED_INT32 = 2;
export const ENCODED_LZF = 3;

export const LISTPACK_HEADER_BYTES = 6;
export const LISTPACK_END = 0xff;
