/** Rates per second of running totals. */
import { expect, test } from "bun:test";
import { Rates, type Totals } from "../../../../src/server/figures/rates.ts";

function totals(all: number): Totals {
  return {
    calls: all,
    inputBytes: all * 2,
    outputBytes: all * 3,
    replicationInputBytes: all * 4,
    replicationOutputBytes: all * 5,
    cycles: all * 6,
    threadUsec: all * 7,
  };
}

test("rates are averages over the samples; before there are two they are 0", () => {
  let now = totals(10);
  const rates = new Rates(() => now);
  expect(rates.perSecond()).toEqual(totals(0));
  rates.sample(1000);
  expect(rates.perSecond()).toEqual(totals(0));
  now = totals(30);
  rates.sample(1500);
  now = totals(50);
  rates.sample(3000);
  expect(rates.perSecond()).toEqual(totals(20));
  rates.reset();
  expect(rates.perSecond()).toEqual(totals(0));
});

test("only the last samples count, and a total that was reset gives no negative rate", () => {
  let now = totals(0);
  const rates = new Rates(() => now);
  for (let i = 0; i <= 20; i++) {
    now = totals(i < 5 ? 0 : i - 5);
    rates.sample(i * 1000);
  }
  expect(rates.perSecond()).toEqual(totals(1));
  now = totals(0);
  rates.sample(21_000);
  expect(rates.perSecond().calls).toEqual(0);
});
