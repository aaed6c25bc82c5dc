/** Random calls of the commands on sorted sets. */
import {
  call,
  type Dice,
  type Entry,
  type Maker,
  of,
  often,
  rare,
  timeout,
  usual,
  type Word,
  type Words,
} from "./random-dice.ts";

const zset: Word = (dice) => dice.zset();
const score: Word = (dice) => dice.score();
const scoreBound: Word = (dice) => dice.scoreBound();
const member: Word = (dice) => dice.member();
const withScores = (): Words => ["WITHSCORES"];

function scored(low: number, high: number): (dice: Dice) => Words {
  return (dice) => dice.times(low, high, () => [dice.score(), dice.member()]).flat();
}

/** A call on a set all whose scores are equal: elsewhere a range of members means nothing. */
function ofLevel(name: string, make: (dice: Dice) => Words): Maker {
  return (dice) => [
    ["DEL", "lex"],
    ["ZADD", "lex", ...dice.times(1, 12, () => ["0", dice.member()]).flat()],
    [name, ...make(dice)],
    ["DEL", "lex"],
  ];
}

const aggregation = (isScored: boolean) => (dice: Dice) => {
  const keys = dice.zsets();
  return [
    ...keys,
    ...dice.options(
      () => [
        "WEIGHTS",
        ...keys.slice(1).map(() => dice.pick(["1", "2", "0.5", "-1", "0", "inf", "x"])),
      ],
      () => ["AGGREGATE", dice.pick(["SUM", "MIN", "MAX"])],
      () => (isScored ? withScores() : []),
    ),
  ];
};

/** A call that must not have to wait for a sorted set. */
function waitingForZset(firstKey: number, make: Maker): Maker {
  return (dice) => {
    const calls = make(dice);
    if (dice.chance(50)) return [["MULTI"], ...calls, ["EXEC"]];
    return calls.flatMap((words) => [["ZADD", words[firstKey]!, "1", dice.member()], words]);
  };
}

export const SORTED_SET_CALLS: Readonly<Record<string, Entry>> = {
  zadd: often(
    call("ZADD", (dice) => [
      dice.zset(),
      ...dice.options(
        () => [dice.pick(["NX", "XX", "GT", "LT", "GT"])],
        () => ["CH"],
        () => (dice.chance(30) ? ["INCR"] : []),
      ),
      ...scored(1, dice.chance(85) ? 4 : 80)(dice),
    ]),
  ),
  zincrby: often(of("ZINCRBY", zset, score, member)),
  zrem: usual(call("ZREM", (dice) => [dice.zset(), ...dice.times(1, 8, () => dice.member())])),
  zscore: usual(of("ZSCORE", zset, member)),
  zmscore: rare(call("ZMSCORE", (dice) => [dice.zset(), ...dice.times(1, 5, () => dice.member())])),
  zcard: usual(of("ZCARD", zset)),
  zcount: usual(of("ZCOUNT", zset, scoreBound, scoreBound)),
  zlexcount: rare(ofLevel("ZLEXCOUNT", (dice) => ["lex", dice.lexBound(), dice.lexBound()])),
  zrank: usual(of("ZRANK", zset, member)),
  zrevrank: usual(of("ZREVRANK", zset, member)),
  zrange: often(
    call("ZRANGE", (dice) => [
      dice.zset(),
      ...(dice.chance(60)
        ? [dice.index(), dice.index(), ...dice.options(() => ["REV"], withScores)]
        : [
            dice.scoreBound(),
            dice.scoreBound(),
            "BYSCORE",
            ...dice.options(
              () => ["REV"],
              withScores,
              () => dice.limit(),
            ),
          ]),
    ]),
  ),
  zrevrange: usual(
    call("ZREVRANGE", (dice) => [
      dice.zset(),
      dice.index(),
      dice.index(),
      ...dice.options(withScores),
    ]),
  ),
  ...Object.fromEntries(
    ["zrangebyscore", "zrevrangebyscore"].map((name) => [
      name,
      usual(
        call(name.toUpperCase(), (dice) => [
          dice.zset(),
          dice.scoreBound(),
          dice.scoreBound(),
          ...dice.options(withScores, () => dice.limit()),
        ]),
      ),
    ]),
  ),
  ...Object.fromEntries(
    ["zrangebylex", "zrevrangebylex"].map((name) => [
      name,
      rare(
        ofLevel(name.toUpperCase(), (dice) => [
          "lex",
          dice.lexBound(),
          dice.lexBound(),
          ...dice.options(() => dice.limit()),
        ]),
      ),
    ]),
  ),
  zrangestore: usual(
    call("ZRANGESTORE", (dice) => [
      dice.zset(),
      dice.zset(),
      ...(dice.chance(60)
        ? [dice.index(), dice.index(), ...dice.options(() => ["REV"])]
        : [
            dice.scoreBound(),
            dice.scoreBound(),
            "BYSCORE",
            ...dice.options(
              () => ["REV"],
              () => dice.limit(),
            ),
          ]),
    ]),
  ),
  zremrangebyrank: rare(
    of(
      "ZREMRANGEBYRANK",
      zset,
      (dice) => String(dice.int(0, 9)),
      (dice) => String(dice.int(0, 9)),
    ),
  ),
  zremrangebyscore: rare(of("ZREMRANGEBYSCORE", zset, score, scoreBound)),
  zremrangebylex: rare(
    ofLevel("ZREMRANGEBYLEX", (dice) => ["lex", dice.lexBound(), dice.lexBound()]),
  ),
  zpopmin: usual(
    call("ZPOPMIN", (dice) => [dice.zset(), ...(dice.chance(60) ? [] : [dice.count()])]),
  ),
  zpopmax: usual(
    call("ZPOPMAX", (dice) => [dice.zset(), ...(dice.chance(60) ? [] : [dice.count()])]),
  ),
  zmpop: usual(
    call("ZMPOP", (dice) => [
      ...dice.zsets(),
      dice.pick(["MIN", "MAX", "MIN", "LEFT"]),
      ...dice.options(() => ["COUNT", dice.count()]),
    ]),
  ),
  bzpopmin: usual(
    waitingForZset(
      1,
      call("BZPOPMIN", (dice) => [...dice.times(1, 3, () => dice.zset()), timeout(dice)]),
    ),
  ),
  bzpopmax: usual(
    waitingForZset(
      1,
      call("BZPOPMAX", (dice) => [...dice.times(1, 3, () => dice.zset()), timeout(dice)]),
    ),
  ),
  bzmpop: usual(
    waitingForZset(
      3,
      call("BZMPOP", (dice) => [
        timeout(dice),
        ...dice.zsets(),
        dice.pick(["MIN", "MAX"]),
        ...dice.options(() => ["COUNT", dice.count()]),
      ]),
    ),
  ),
  zrandmember: usual(
    call("ZRANDMEMBER", (dice) => [
      dice.zset(),
      ...(dice.chance(40) ? [] : [dice.count(), ...dice.options(withScores)]),
    ]),
  ),
  zscan: rare(call("ZSCAN", (dice) => [dice.zset(), "0", "COUNT", "5000"])),
  zunion: usual(call("ZUNION", aggregation(true))),
  zinter: usual(call("ZINTER", aggregation(true))),
  zdiff: usual(call("ZDIFF", (dice) => [...dice.zsets(), ...dice.options(withScores)])),
  zunionstore: usual(call("ZUNIONSTORE", (dice) => [dice.zset(), ...aggregation(false)(dice)])),
  zinterstore: rare(call("ZINTERSTORE", (dice) => [dice.zset(), ...aggregation(false)(dice)])),
  zdiffstore: rare(call("ZDIFFSTORE", (dice) => [dice.zset(), ...dice.zsets()])),
  zintercard: usual(
    call("ZINTERCARD", (dice) => [...dice.zsets(), ...dice.options(() => ["LIMIT", dice.count()])]),
  ),
};
