/**
 * Replication as a picture: the primary above, its replicas below it, each with the state of its
 * link and how far behind it is.
 */
import type { Area, Style } from "./canvas.ts";
import { bar } from "./chart.ts";
import type { Replica } from "./reading.ts";
import { panel, type Scene, shown } from "./scene.ts";
import { age, bytes, grouped, percent } from "./text.ts";
import { passes } from "./view.ts";

const BOX_HEIGHT = 4;
const BOX_WIDTH_MAX = 74;
const INDENT = 7;

interface Box {
  readonly title: string;
  readonly lines: readonly { readonly text: string; readonly style: Style }[];
  /** How many links up the box hangs: 0 is the top. */
  readonly depth: number;
  readonly isThis: boolean;
}

function boxesOf(scene: Scene): Box[] {
  const { canvas, glyphs, live, reading, view } = scene;
  const { replication } = reading;
  const { primary } = replication;
  const dot = canvas.isAscii ? "*" : "●";
  const boxes: Box[] = [];
  if (primary !== null) {
    const isSyncing = primary.syncTotalBytes > 0;
    const state = primary.isUp
      ? {
          text: `${dot} link up, last word ${age(primary.lastIoSeconds)} ago`,
          style: "good" as const,
        }
      : { text: `${dot} link down for ${age(primary.downSeconds)}`, style: "bad" as const };
    const fraction = primary.syncBytes / primary.syncTotalBytes;
    boxes.push({
      title: `primary ${shown(scene, primary.address)}`,
      depth: 0,
      isThis: false,
      lines: [
        state,
        {
          text: isSyncing
            ? `sync ${bar(fraction, 20, glyphs)} ${percent(fraction)} of ${bytes(primary.syncTotalBytes)}`
            : "",
          style: "warning",
        },
      ],
    });
  }
  const backlog = `backlog ${bytes(replication.backlogBytes)} of ${bytes(replication.backlogSizeBytes)}`;
  const depth = primary === null ? 0 : 1;
  boxes.push({
    title: `${primary === null ? "primary" : "replica"} ${shown(scene, live.target)}`,
    depth,
    isThis: true,
    lines: [
      { text: `offset ${grouped(replication.offset)}, ${backlog}`, style: "plain" },
      {
        text: `${replication.replicas.length} replicas, id ${replication.replicationId.slice(0, 12)}`,
        style: "dim",
      },
    ],
  });
  for (const replica of replication.replicas) {
    if (!passes(view, replica.address)) continue;
    const { style, text } = stateOf(scene, replica);
    const behind = Math.max(0, replication.offset - replica.offset);
    // Behind by a whole backlog a replica that loses its link must copy everything anew.
    const fraction = behind / Math.max(1, replication.backlogSizeBytes);
    boxes.push({
      title: `replica ${shown(scene, replica.address)}`,
      depth: depth + 1,
      isThis: false,
      lines: [
        { text: `${dot} ${text}, last word ${age(replica.lagSeconds)} ago`, style },
        {
          text: `offset ${grouped(replica.offset)}, behind ${bytes(behind)} ${bar(fraction, 12, glyphs).trimEnd()}`,
          style: fraction > 0.5 ? "warning" : "plain",
        },
      ],
    });
  }
  return boxes;
}

function stateOf(_: Scene, { lagSeconds, state }: Replica): { text: string; style: Style } {
  if (state !== "online") {
    const text = state === "send_bulk" ? "receives a copy" : "waits for a copy";
    return { text, style: "warning" };
  }
  return lagSeconds > 10 ? { text: "silent", style: "bad" } : { text: "online", style: "good" };
}

export function drawReplication(scene: Scene, area: Area): void {
  const { canvas, view } = scene;
  const boxes = boxesOf(scene);
  const inner = panel(scene, area, "Replication");
  const room = Math.max(1, Math.floor(inner.height / BOX_HEIGHT));
  scene.scrollMax = Math.max(0, boxes.length - room);
  const scroll = Math.min(view.scrolls[view.page], scene.scrollMax);
  const visible = boxes.slice(scroll, scroll + room);
  const [corner, tee, line, down, arrow] = canvas.isAscii
    ? ["`", "+", "-", "|", ">"]
    : ["└", "├", "─", "│", "▶"];
  visible.forEach((box, i) => {
    const x = inner.x + 1 + box.depth * INDENT;
    const y = inner.y + i * BOX_HEIGHT;
    const width = Math.min(BOX_WIDTH_MAX, inner.x + inner.width - x);
    const inside = canvas.frame(
      { x, y, width, height: BOX_HEIGHT },
      box.isThis ? `${box.title} (this server)` : box.title,
      "title",
      box.isThis ? "accent" : "dim",
    );
    box.lines.forEach(({ style, text }, row) => {
      canvas.text(inside.x + 1, inside.y + row, text, style, inside.width - 1);
    });
    if (box.depth === 0) return;
    // The link from the box above: down past its siblings, then to this one.
    const from = x - INDENT + 3;
    const index = scroll + i;
    const hasNext = boxes.slice(index + 1).some((other) => other.depth === box.depth);
    canvas.text(from, y, down!, "dim");
    canvas.text(from, y + 1, (hasNext ? tee! : corner!) + line!.repeat(INDENT - 5) + arrow!, "dim");
    if (hasNext)
      for (let row = 2; row < BOX_HEIGHT; row++) canvas.text(from, y + row, down!, "dim");
  });
}
