/** What is on the disk: append-only file, snapshots, loading; and replication in a few lines. */
import type { Area, Style } from "./canvas.ts";
import { bar } from "./chart.ts";
import { panel, type Scene, shown, split } from "./scene.ts";
import { age, bytes, grouped, percent } from "./text.ts";

interface Line {
  readonly text: string;
  readonly style: Style;
}

const LABEL_WIDTH = 16;

function line(label: string, text: string, style: Style = "plain"): Line {
  return { text: label.padEnd(LABEL_WIDTH) + text, style };
}

function status(isOk: boolean): { readonly text: string; readonly style: Style } {
  return isOk ? { text: "ok", style: "good" } : { text: "failed", style: "bad" };
}

function progress(scene: Scene, fraction: number, width: number): string {
  return `${bar(fraction, width, scene.glyphs)} ${percent(fraction)}`;
}

function doneFraction({ reading }: Scene): number {
  const { doneKeys, totalKeys } = reading.persistence;
  return totalKeys === 0 ? 0 : Math.min(1, doneKeys / totalKeys);
}

function aofLines(scene: Scene, barWidth: number): Line[] {
  const p = scene.reading.persistence;
  if (!p.aofEnabled) return [line("State", "off (appendonly no)", "dim")];
  const grown = Math.max(0, p.aofBytes - p.aofBaseBytes);
  const write = status(p.lastWriteOk);
  const rewrite = status(p.lastRewriteOk);
  const took = p.lastRewriteSeconds < 0 ? "never yet" : `took ${age(p.lastRewriteSeconds)}`;
  return [
    line("Size", bytes(p.aofBytes), "strong"),
    line("Rewritten", `${bytes(p.aofBaseBytes)}, ${bytes(grown)} more since`),
    line("Last write", write.text, write.style),
    line("Late syncs", grouped(p.delayedSyncs), p.delayedSyncs > 0 ? "warning" : "plain"),
    line("Last rewrite", `${rewrite.text}, ${took}`, rewrite.style),
    p.isRewriting
      ? line(
          "Rewriting",
          `${progress(scene, doneFraction(scene), barWidth)} for ${age(p.rewritingSeconds)}`,
          "warning",
        )
      : line("Rewriting", p.rewriteScheduled ? "is to come" : "no", "dim"),
  ];
}

function snapshotLines(scene: Scene, barWidth: number): Line[] {
  const p = scene.reading.persistence;
  const saved = status(p.lastSaveOk);
  const took = p.lastSaveSeconds < 0 ? "never yet" : `took ${age(p.lastSaveSeconds)}`;
  const ago = scene.nowUnixMs / 1000 - p.lastSaveUnixSeconds;
  const lines = [
    line("Last save", p.lastSaveUnixSeconds === 0 ? "-" : `${age(Math.max(0, ago))} ago`, "strong"),
    line("Changes since", grouped(p.changes)),
    line("Last status", `${saved.text}, ${took}`, saved.style),
    p.isSaving
      ? line(
          "Saving",
          `${progress(scene, doneFraction(scene), barWidth)} for ${age(p.savingSeconds)}`,
          "warning",
        )
      : line("Saving", "no", "dim"),
  ];
  if (p.isLoading) {
    lines.unshift(line("Loading", progress(scene, p.loadedFraction, barWidth), "warning"));
  }
  return lines;
}

function drawLines({ canvas }: Scene, area: Area, lines: readonly Line[]): void {
  lines.slice(0, area.height).forEach(({ style, text }, i) => {
    const end = canvas.text(area.x + 1, area.y + i, text, style, area.width - 1);
    canvas.paint(area.x + 1, area.y + i, Math.min(LABEL_WIDTH, end - area.x - 1), "dim");
  });
}

export function drawFilesPage(scene: Scene, area: Area): void {
  const [aof, snapshot] = split(area, 2, area.width < 100 ? "rows" : "columns");
  const barWidth = Math.max(8, Math.min(40, aof!.width - LABEL_WIDTH - 24));
  drawLines(scene, panel(scene, aof!, "Append-only file"), aofLines(scene, barWidth));
  drawLines(scene, panel(scene, snapshot!, "Snapshot (RDB)"), snapshotLines(scene, barWidth));
}

/** Both in one panel. */
export function drawFiles(scene: Scene, area: Area): void {
  const barWidth = Math.max(8, Math.min(20, area.width - LABEL_WIDTH - 24));
  const inner = panel(scene, area, "Files");
  const aof = aofLines(scene, barWidth).map(({ style, text }) => ({
    style,
    text: `AOF ${text.slice(0, LABEL_WIDTH - 4)}${text.slice(LABEL_WIDTH)}`,
  }));
  const half = Math.ceil(inner.height / 2);
  const snapshot = snapshotLines(scene, barWidth);
  drawLines(scene, { ...inner, height: half }, snapshot.slice(0, half));
  const below = { ...inner, y: inner.y + Math.min(half, snapshot.length) };
  drawLines(scene, { ...below, height: inner.y + inner.height - below.y }, aof);
}

/** Replication in a line for each server. */
export function replicationSummary(scene: Scene): Line[] {
  const { offset, primary, replicas } = scene.reading.replication;
  const lines: Line[] = [
    {
      text: `${primary === null ? "primary" : "replica"}, offset ${grouped(offset)}`,
      style: "strong",
    },
  ];
  if (primary !== null) {
    const state = primary.isUp ? "up" : `down for ${age(primary.downSeconds)}`;
    lines.push({
      text: `of ${shown(scene, primary.address)}: link ${state}`,
      style: primary.isUp ? "good" : "bad",
    });
  }
  for (const replica of replicas) {
    const behind = bytes(Math.max(0, offset - replica.offset));
    lines.push({
      text: `${shown(scene, replica.address)} ${replica.state}, behind ${behind}`,
      style: replica.state === "online" ? "good" : "warning",
    });
  }
  if (primary === null && replicas.length === 0) lines.push({ text: "no replicas", style: "dim" });
  return lines;
}
