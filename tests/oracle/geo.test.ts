/** Geo commands, compared with redis-server byte for byte. */
import { type Call, oracleTest } from "../harness/oracle.ts";
import { each, NO_INTEGERS } from "./values.ts";

const SICILY = ["GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"];
const NO_DOUBLES = ['""', "abc", "nan", "1e400", '" 1"', '"1 "', '"1\\x00"', "1,5"];
const UNITS = ["m", "km", "ft", "mi", "M", "Km", "FT", "mI", "", "x", "meters"];

/** A point for each number, over the whole map, the same in every run. */
function points(count: number, prefix = "p"): string[] {
  return Array.from({ length: count }, (_, i) => {
    const longitude = ((i * 137.508) % 360) - 180;
    const latitude = ((i * 47.31) % 170) - 85;
    return `${longitude.toFixed(6)} ${latitude.toFixed(6)} ${prefix}${i}`;
  });
}

/** The same as GEOADD calls of some points each. */
function adding(key: string, count: number): string[] {
  const all = points(count);
  const calls: string[] = [];
  for (let i = 0; i < count; i += 100) {
    calls.push(`GEOADD ${key} ${all.slice(i, i + 100).join(" ")}`);
  }
  return calls;
}

/** Redis writes scores with the fewest digits since 7.2, with 17 before: as numbers they are equal. */
const STORED: Call = {
  call: "ZRANGE d 0 -1 WITHSCORES",
  as: (reply) =>
    reply.replace(/(?:\$\d+\r\n)?(\d+\.\d+(?:e[-+]\d+)?)/g, (_, n) => String(Number(n))),
};

const wrongType = (...calls: string[]): string[] => ["SET s v", ...calls];

oracleTest("GEOADD", [
  "GEOADD g 13.361389 38.115556 Palermo",
  "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
  "ZRANGE g 0 -1 WITHSCORES",
  "GEOADD g NX 1 2 Palermo 3 4 new",
  "GEOADD g XX 1 2 Palermo 3 4 other",
  "GEOADD g CH 1.5 2 Palermo 15.087269 37.502669 Catania 7 8 seven",
  "GEOADD g XX CH 1 2 Palermo",
  "GEOADD g ch xx 2 2 Palermo",
  "GEOADD g nx Ch 2 3 Palermo 5 5 five",
  "GEOADD g NX XX 1 2 Palermo",
  "GEOADD none XX 1 2 a",
  "EXISTS none",
  "ZRANGE g 0 -1 WITHSCORES",
  "GEOADD g NX NX NX",
  "GEOADD g NX CH CH",
  "GEOADD g CH CH 1 2",
  "GEOADD g 1 2 a 3",
  "GEOADD g 1 2 a 3 4",
  "GEOADD g 1 2",
  "GEOADD g",
  "GEOADD",
  "GEOADD g GT 1 2 a",
  "GEOADD g INCR 1 2 a",
  ...each("GEOADD g % 1 a", NO_DOUBLES),
  ...each("GEOADD g 1 % a", NO_DOUBLES),
  ...each("GEOADD g % 1 a", ["180", "-180", "180.0000001", "-181", "1e5", "1e22", "inf", "-inf"]),
  ...each("GEOADD g 1 % b", ["85.05112878", "-85.05112878", "85.05112879", "90", "-1e300"]),
  "GEOADD g 1 2 fine 200 2 wrong",
  "ZSCORE g fine",
  'GEOADD g 0 0 "" 0x10 1e1 "\\x00\\xff" -0 -0 12',
  "ZRANGE g 0 -1 WITHSCORES",
  "GEOHASH g a b fine 12",
  ...wrongType("GEOADD s 1 2 a", "GEOADD s x 2 a", "GEOADD s NX XX 1 2 a"),
  "OBJECT ENCODING g",
  ...adding("g", 300),
  "OBJECT ENCODING g",
  "ZCARD g",
]);

oracleTest("GEODIST, GEOHASH and GEOPOS", [
  ...SICILY,
  ...each("GEODIST g Palermo Catania %", UNITS),
  "GEODIST g Palermo Catania",
  "GEODIST g Palermo Palermo",
  "GEODIST g Palermo none",
  "GEODIST g none Palermo km",
  "GEODIST none Palermo Catania",
  "GEODIST none Palermo Catania x",
  "GEODIST g Palermo Catania m x",
  "GEODIST g Palermo",
  "GEODIST",
  "GEOHASH g Palermo Catania none",
  "GEOHASH g",
  "GEOHASH none",
  "GEOHASH none a b",
  "GEOHASH",
  "GEOPOS g Palermo none Catania",
  "GEOPOS g",
  "GEOPOS none a b",
  "GEOPOS",
  ...wrongType("GEODIST s a b", "GEOHASH s a", "GEOPOS s a", "GEODIST s a b x"),
  ...adding("m", 400),
  ...points(400).flatMap((point) => {
    const name = point.split(" ")[2]!;
    return [`GEOPOS m ${name}`, `GEOHASH m ${name}`, `GEODIST m p0 ${name} km`];
  }),
  // Any score is a point.
  "ZADD z 0 a 1 b 1.5 c 4503599627370495 d 4503599627370496 e",
  "GEOPOS z a b c d e",
  "GEOHASH z a b c d e",
  "GEODIST z a d",
  "GEODIST z c b",
]);

/** The shapes and centres that are searched. */
const AREAS = [
  "FROMLONLAT 15 37 BYRADIUS 200 km",
  "FROMLONLAT 15 37 BYRADIUS 0 m",
  "FROMLONLAT 15 37 BYRADIUS 3000 mi",
  "FROMLONLAT -179.9 10 BYRADIUS 4000 km",
  "FROMLONLAT 10 84 BYRADIUS 1500 km",
  "FROMLONLAT 10 -85 BYRADIUS 900 km",
  "FROMLONLAT 0 0 BYRADIUS 21000 km",
  "FROMLONLAT 0 0 BYRADIUS 1e9 m",
  "FROMMEMBER p7 BYRADIUS 2000 km",
  "FROMMEMBER p7 BYBOX 3000 1000 km",
  "FROMLONLAT 15 37 BYBOX 400 400 km",
  "FROMLONLAT 15 37 BYBOX 0 0 km",
  "BYBOX 9000 20000000 ft FROMLONLAT 179 60",
  "BYRADIUS 5000 km FROMMEMBER p100",
];
const WITHS = [
  "",
  "WITHCOORD",
  "WITHDIST",
  "WITHHASH",
  "WITHHASH WITHDIST WITHCOORD",
  "withcoord withdist",
];
const LIMITS = ["", "ASC", "DESC", "COUNT 3", "COUNT 5 DESC", "COUNT 4 ANY", "ANY COUNT 3 ASC"];

for (const size of [60, 900]) {
  oracleTest(`GEOSEARCH in ${size} members`, [
    ...adding("g", size),
    "OBJECT ENCODING g",
    ...AREAS.flatMap((area) =>
      WITHS.flatMap((withs) => LIMITS.map((limit) => `GEOSEARCH g ${area} ${withs} ${limit}`)),
    ),
    ...AREAS.flatMap((area): Call[] => [
      `GEOSEARCHSTORE d g ${area}`,
      STORED,
      `GEOSEARCHSTORE d g ${area} STOREDIST COUNT 9`,
      STORED,
      `GEOSEARCHSTORE d g DESC ${area} COUNT 2`,
      STORED,
      `GEOSEARCHSTORE d g ${area} ANY COUNT 2`,
      STORED,
    ]),
  ]);
}

const CIRCLE = "FROMLONLAT 15 37 BYRADIUS 200 km";

oracleTest("GEOSEARCH: options and errors", [
  ...SICILY,
  "GEOSEARCH g FROMLONLAT 15 37",
  "GEOSEARCH g FROMLONLAT 15 37 ASC ASC",
  "gEOSEARCH g BYRADIUS 200 km ASC ASC",
  "GEOSEARCH g ASC ASC ASC ASC ASC",
  "GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 15 37 BYRADIUS 200 km",
  "GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 200 km",
  "GEOSEARCH g FROMMEMBER Palermo FROMMEMBER Catania BYRADIUS 1 km",
  "GEOSEARCH g FROMLONLAT 1 1 FROMLONLAT 15 37 BYRADIUS 200 km",
  `GEOSEARCH g ${CIRCLE} BYRADIUS 1 km`,
  `GEOSEARCH g ${CIRCLE} BYBOX 1 1 km`,
  "GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 km BYRADIUS 200 km",
  "GEOSEARCH g FROMMEMBER none BYRADIUS 200 km",
  "GEOSEARCH none FROMMEMBER none BYRADIUS 200 km",
  "GEOSEARCH none FROMMEMBER none BYRADIUS 200 parsec",
  "GEOSEARCH none FROMLONLAT 200 0 BYRADIUS 200 km",
  `GEOSEARCH g ${CIRCLE} STORE d`,
  `GEOSEARCH g ${CIRCLE} STOREDIST`,
  `GEOSEARCH g ${CIRCLE} ANY`,
  `GEOSEARCH g ${CIRCLE} COUNT`,
  `GEOSEARCH g ${CIRCLE} COUNT 1 COUNT 2`,
  `GEOSEARCH g ${CIRCLE} DESC ASC`,
  ...each(`GEOSEARCH g ${CIRCLE} COUNT %`, [...NO_INTEGERS, "0", "-1", "1", "9223372036854775807"]),
  ...each("GEOSEARCH g FROMLONLAT % 1 BYRADIUS 1 km", NO_DOUBLES),
  ...each("GEOSEARCH g FROMLONLAT 1 % BYRADIUS 1 km", NO_DOUBLES),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS % km", [...NO_DOUBLES, "-1", "-0", "inf"]),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 %", UNITS),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS -1 %", UNITS),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYBOX % 1 km", [...NO_DOUBLES, "-1", "-0"]),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 % km", [...NO_DOUBLES, "-1"]),
  ...each("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 1 %", UNITS),
  "GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 1",
  "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1",
  "GEOSEARCH g BYRADIUS 1 km FROMLONLAT 1",
  "GEOSEARCH g BYRADIUS 1 km ASC FROMMEMBER",
  "GEOSEARCH g",
  "GEOSEARCH",
  ...wrongType(`GEOSEARCH s ${CIRCLE}`, "GEOSEARCH s x x x x x", `GEOSEARCHSTORE d s ${CIRCLE}`),
  ...["WITHCOORD", "WITHDIST", "WITHHASH"].map((w) => `GEOSEARCHSTORE d g ${CIRCLE} ${w}`),
  `GEOSEARCHSTORE d g ${CIRCLE}`,
  "EXPIRE d 100",
  `GEOSEARCHSTORE d g ${CIRCLE} STOREDIST`,
  "TTL d",
  STORED,
  `GEOSEARCHSTORE d none ${CIRCLE}`,
  "EXISTS d",
  `GEOSEARCHSTORE d none ${CIRCLE}`,
  `GEOSEARCHSTORE d g ${CIRCLE}`,
  "GEOSEARCHSTORE d g FROMLONLAT 100 0 BYRADIUS 1 m",
  "EXISTS d",
  `GEOSEARCHSTORE s g ${CIRCLE}`,
  "TYPE s",
  `GEOSEARCHSTORE g g ${CIRCLE} STOREDIST`,
  "RENAME g d",
  STORED,
  `GEOSEARCHSTORE d g`,
  "GEOSEARCHSTORE d",
]);

for (const ro of ["", "_RO"]) {
  oracleTest(`GEORADIUS${ro} and GEORADIUSBYMEMBER${ro}`, [
    ...adding("g", 500),
    ...WITHS.flatMap((withs) =>
      LIMITS.flatMap((limit) => [
        `GEORADIUS${ro} g 15 37 4000 km ${withs} ${limit}`,
        `GEORADIUSBYMEMBER${ro} g p9 3000 km ${withs} ${limit}`,
      ]),
    ),
    ...["STORE", "STOREDIST", "store"].flatMap((store): Call[] => [
      `GEORADIUS${ro} g 15 37 4000 km ${store} d`,
      STORED,
      `GEORADIUSBYMEMBER${ro} g p9 3000 km COUNT 5 ${store} d`,
      STORED,
      `GEORADIUS${ro} g 15 37 4000 km ${store}`,
      `GEORADIUS${ro} g 15 37 4000 km WITHDIST ${store} d`,
      `GEORADIUS${ro} none 15 37 4000 km ${store} d`,
      `GEORADIUSBYMEMBER${ro} none p9 4000 km ${store} d`,
      `GEORADIUSBYMEMBER${ro} none p9 x parsec ${store} d`,
      "EXISTS d",
    ]),
    `GEORADIUS${ro} g 15 37 4000 km STORE a STOREDIST b`,
    "ZCARD b",
    `GEORADIUS${ro} g 15 37 x km`,
    `GEORADIUS${ro} g 15 37 -1 km`,
    `GEORADIUS${ro} g 15 37 1 parsec`,
    `GEORADIUS${ro} g 15 97 1 km`,
    `GEORADIUS${ro} none 15 97 1 km`,
    `GEORADIUS${ro} none 15 37 1 km`,
    `GEORADIUS${ro} g 15 37 1 km BYRADIUS 1 km`,
    `GEORADIUS${ro} g 15 37 1 km ANY`,
    `GEORADIUS${ro} g 15 37 1 km nothing`,
    `GEORADIUS${ro} g 15 37 1`,
    `GEORADIUSBYMEMBER${ro} g none 1 km`,
    `GEORADIUSBYMEMBER${ro} g p1 x km`,
    `GEORADIUSBYMEMBER${ro} g p1 -1 km`,
    `GEORADIUSBYMEMBER${ro} g p1 1 parsec`,
    `GEORADIUSBYMEMBER${ro} g p1 1`,
    `GEORADIUSBYMEMBER${ro} none p1 1 km`,
    ...wrongType(
      `GEORADIUS${ro} s 15 37 1 km`,
      `GEORADIUS${ro} s x 37 1 km`,
      `GEORADIUSBYMEMBER${ro} s p1 1 km`,
    ),
  ]);
}

/** Valkey has had BYPOLYGON since 9.0: replies by its rules, with distances from the mean of the corners. */
function polygon(call: string, differs: string): Call {
  return { call, as: { differs, because: "Redis has no polygons" } };
}

const TRIANGLE = "BYPOLYGON 3 12 37 16 37 14 39";

oracleTest("GEOSEARCH BYPOLYGON", [
  "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 14.015482 37.734741 edge",
  polygon(`GEOSEARCH g ${TRIANGLE}`, "*3\r\n$4\r\nedge\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
  polygon(`GEOSEARCH g ${TRIANGLE} DESC COUNT 2`, "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n"),
  polygon(`GEOSEARCH g ${TRIANGLE} ASC COUNT 1`, "*1\r\n$4\r\nedge\r\n"),
  // The same corners the other way round, and one that is dented so that it leaves a member out.
  polygon("GEOSEARCH g BYPOLYGON 3 14 39 16 37 12 37 COUNT 1 ANY", "*1\r\n$4\r\nedge\r\n"),
  polygon(
    "GEOSEARCH g BYPOLYGON 4 12 37 14 37.9 16 37 14 39 ASC",
    "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n",
  ),
  polygon("GEOSEARCH g BYPOLYGON 3 100 37 101 37 100 38", "*0\r\n"),
  polygon(`GEOSEARCH none ${TRIANGLE}`, "*0\r\n"),
  polygon(`GEOSEARCHSTORE d g ${TRIANGLE} COUNT 2`, ":2\r\n"),
  polygon("ZCARD d", ":2\r\n"),
  polygon("DEL d", ":1\r\n"),
  polygon("GEOSEARCH g BYPOLYGON x 1 2 3 4 5 6", "-ERR invalid number of vertices\r\n"),
  ...["2 1 2 3 4 5 6", "4 1 2 3 4 5 6", "-1 1 2 3 4 5 6", "9223372036854775807 1 2 3 4"].map(
    (corners) =>
      polygon(
        `GEOSEARCH g BYPOLYGON ${corners}`,
        "-ERR GEOSEARCH BYPOLYGON must have at least 3 vertices\r\n",
      ),
  ),
  polygon(
    "GEOSEARCH g BYPOLYGON 3 1 2 3 4 5 96",
    "-ERR invalid longitude,latitude pair 5.000000,96.000000\r\n",
  ),
  polygon("GEOSEARCH g BYPOLYGON 3 1 2 3 4 x 6", "-ERR value is not a valid float\r\n"),
  `GEOSEARCH g ${TRIANGLE} ${CIRCLE}`,
  `GEOSEARCH g FROMMEMBER Palermo ${TRIANGLE}`,
  `GEOSEARCH g ${CIRCLE} ${TRIANGLE}`,
]);

oracleTest("the events of geo commands", [
  "CONFIG SET notify-keyspace-events KEA",
  { call: "PSUBSCRIBE *", on: "listener" },
  ...SICILY,
  "GEOADD g 13.361389 38.115556 Palermo",
  `GEOSEARCHSTORE d g ${CIRCLE}`,
  "GEORADIUS g 15 37 200 km STORE e",
  "GEORADIUSBYMEMBER g Palermo 200 km STOREDIST e",
  "GEORADIUS g 100 37 1 km STORE e",
  `GEOSEARCHSTORE d none ${CIRCLE}`,
  { sync: "listener" },
  "CONFIG SET notify-keyspace-events ''",
]);

oracleTest("keys of geo commands", [
  {
    call: "COMMAND GETKEYS GEORADIUS g 1 2 3 km STORE a STORE b",
    as: {
      differs: "*2\r\n$1\r\ng\r\n$1\r\nb\r\n",
      because: "the last STORE is the one that counts, Redis names the first",
    },
  },
  ...[
    "GEORADIUS g 1 2 3 km",
    "GEORADIUS g 1 2 3 km STORE d",
    "GEORADIUS g 1 2 3 km STOREDIST d COUNT 3",
    "GEORADIUS g 1 2 3 km STORE",
    "GEORADIUSBYMEMBER g m 3 km storedist d",
    "GEORADIUSBYMEMBER g store 3 km",
    "GEORADIUS_RO g 1 2 3 km",
    "GEORADIUSBYMEMBER_RO g m 3 km",
    "GEOSEARCH g FROMLONLAT 1 2 BYRADIUS 1 km",
    "GEOSEARCHSTORE d g FROMLONLAT 1 2 BYRADIUS 1 km",
    "GEOADD g 1 2 m",
  ].flatMap((call) => [`COMMAND GETKEYS ${call}`, `COMMAND GETKEYSANDFLAGS ${call}`]),
]);
