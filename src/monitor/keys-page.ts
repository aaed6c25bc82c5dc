/** Hot keys and big keys, as far as sampling found them. */
import type { Area } from "./canvas.ts";
import { bar } from "./chart.ts";
import type { BigKey, HotKey } from "./sampler.ts";
import { panel, type Scene, shown, split } from "./scene.ts";
import { type Column, drawTable } from "./table.ts";
import { age, bytes, grouped, percent } from "./text.ts";
import { passes } from "./view.ts";

const BAR_WIDTH = 6;

function hotColumns(scene: Scene): readonly Column<HotKey>[] {
  return [
    {
      title: "Heat",
      width: BAR_WIDTH,
      text: ({ heat }) => bar(heat, BAR_WIDTH, scene.glyphs),
      style: ({ heat }) => (heat > 0.75 ? "bad" : heat > 0.4 ? "warning" : "accent"),
    },
    scene.live.sample.countsUses
      ? { title: "Freq", width: 7, right: true, text: ({ frequency }) => String(frequency) }
      : { title: "Idle", width: 7, right: true, text: ({ idleSeconds }) => age(idleSeconds) },
    { title: "Type", width: 6, text: ({ type }) => type },
    { title: "Key", width: 0, text: ({ key }) => shown(scene, key) },
  ];
}

function bigColumns(scene: Scene): readonly Column<BigKey>[] {
  return [
    { title: "Memory", width: 8, right: true, text: (row) => bytes(row.bytes) },
    { title: "Type", width: 6, text: ({ type }) => type },
    { title: "Key", width: 0, text: ({ key }) => shown(scene, key) },
  ];
}

/** What the sample is worth and what it costs. */
function sampleLines({ live, reading }: Scene): readonly string[] {
  const { commands, countsUses, elapsedMs, error, passes: passed, seen } = live.sample;
  if (error !== "") return [`The server refuses to be sampled: ${error}`, ""];
  const part = reading.keys === 0 ? Number.NaN : Math.min(1, seen / reading.keys);
  const how = countsUses
    ? "the server's own count of uses (LFU)"
    : "how often a key was found in use, not how often it was used";
  return [
    `Sampled ${grouped(seen)} of ${grouped(reading.keys)} keys (${percent(part)}), pass ${passed + 1}. Last step: ${commands} commands, ${elapsedMs.toFixed(1)} ms.`,
    `Heat is ${how}.`,
  ];
}

export function drawKeysPage(scene: Scene, area: Area): void {
  const { canvas, live, view } = scene;
  sampleLines(scene).forEach((line, i) => {
    canvas.text(area.x + 1, area.y + i, line, "dim", area.width - 2);
  });
  const below = { ...area, y: area.y + 2, height: area.height - 2 };
  const [left, right] = split(below, 2, "columns");
  const has = ({ key }: { readonly key: string }) => passes(view, shown(scene, key));
  const inHot = panel(scene, left!, "Hot keys");
  drawTable(scene, inHot, hotColumns(scene), live.sample.hot.filter(has), null);
  const inBig = panel(scene, right!, "Big keys");
  drawTable(scene, inBig, bigColumns(scene), live.sample.big.filter(has), null);
}
