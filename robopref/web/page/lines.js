// What is drawn over a point cloud: where actions go, and the target. Lengths are in CSS pixels.

const ACTION = "#ffb000", GUIDE = "#46c99c", TEXT = "#ffffff", HALO = "rgb(0 0 0 / .75)";
const ROOM = 400; // width from which there is room for words beside the cloud
const SHORT = 24, LENS = 4; // an arrow that is shorter is shown magnified, up to so many times

// context: 2D, on which the cloud is drawn; scene: as `Stage.add` takes it; project: of a place, [x, y, ...] in pixels of
// the canvas, or null; ratio: of pixels of the canvas to those of CSS
export function drawLines(context, scene, project, ratio) {
  const anchors = scene.labels.length;
  const curves = curvesOf(scene.path, anchors).map((curve) => curve.map(project).filter(Boolean)).filter(({ length }) => length);
  const short = curves.length === 1 && curves[0].length > 1 && lengthOf(curves[0]) < SHORT * ratio
    && Math.min(context.canvas.width, context.canvas.height) > 120 * ratio;
  const lens = short ? magnified(context, curves[0], ratio) : null;
  if (scene.guide) stroke(context, scene.guide.map(project), GUIDE, 2, ratio, [3, 7]);
  for (const { path, color, word } of scene.others ?? []) {
    for (const curve of curvesOf(path, anchors)) drawOther(context, curve.map(project).filter(Boolean), color, word, ratio);
  }
  curves.forEach((points, index) => {
    context.globalAlpha = 1 - (0.6 * index) / Math.max(1, curves.length);
    const small = drawArrow(context, points, ratio);
    if (index || context.canvas.width < ROOM * ratio || short) return;
    const [from, to] = [points[0], points[points.length - 1]], along = Math.atan2(to[1] - from[1], to[0] - from[0]);
    drawWord(context, scene.labels[0], from, along + Math.PI, 8 * small, ratio);
    if (anchors > 1) drawWord(context, scene.labels[anchors - 1], to, along, 4 * small, ratio);
  });
  context.globalAlpha = 1;
  if (lens) drawLens(context, lens, ratio);
}

// Several anchors are joined within a step, a single one from step to step.
function curvesOf(path, anchors) {
  if (!anchors) return [];
  if (anchors === 1) return [path.map((step) => step[0])];
  return anchors === 2 ? path.map(([a, b]) => arc(a, b)) : path;
}

// A curve from a to b, lifted in the middle as a gripper would carry something.
function arc(a, b) {
  const lift = 0.3 * Math.hypot(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
  return Array.from({ length: 25 }, (_, i) => {
    const t = i / 24;
    return [0, 1, 2].map((axis) => a[axis] + t * (b[axis] - a[axis]) + (axis === 2 ? 4 * t * (1 - t) * lift : 0));
  });
}

function lengthOf(points) {
  return points.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x - points[i][0], y - points[i][1]), 0);
}

function stroke(context, points, color, width, ratio, dash = []) {
  context.setLineDash(dash.map((value) => value * ratio));
  for (const [style, extra] of [[HALO, 3], [color, 0]]) {
    context.strokeStyle = style;
    context.lineWidth = (width + extra) * ratio;
    context.lineCap = "round";
    context.beginPath();
    for (const at of points) if (at) context.lineTo(at[0], at[1]);
    context.stroke();
  }
  context.setLineDash([]);
}

function drawOther(context, points, color, word, ratio) {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = 2 * ratio;
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
  if (!points.length) return;
  context.beginPath();
  context.arc(...points[points.length - 1].slice(0, 2), 3.5 * ratio, 0, 2 * Math.PI);
  context.fill();
  if (word) drawWord(context, word, points[points.length - 1], 0, -2, ratio);
}

// A ring where it begins, and a head where it ends, both smaller on a short arrow, so that they do not meet; says by how
// much.
function drawArrow(context, points, ratio) {
  const small = points.length > 1 ? Math.min(1, Math.max(0.4, lengthOf(points) / (48 * ratio))) : 1;
  stroke(context, points, ACTION, Math.max(2, 4 * small), ratio);
  for (const [color, width] of [[HALO, 6], [ACTION, 3]]) {
    context.strokeStyle = color;
    context.lineWidth = width * Math.max(0.6, small) * ratio;
    context.beginPath();
    context.arc(points[0][0], points[0][1], 8 * small * ratio, 0, 2 * Math.PI);
    context.stroke();
  }
  if (points.length > 1) drawHead(context, points, small * ratio);
  return small;
}

function drawHead(context, points, unit) {
  const [x, y] = points[points.length - 1];
  // The direction is taken some way back, where the line is not yet hidden by the head.
  const from = points.findLast((at) => Math.hypot(at[0] - x, at[1] - y) > 10 * unit) ?? points[0];
  const angle = Math.atan2(y - from[1], x - from[0]);
  const corner = (turn) => [x - 20 * unit * Math.cos(angle + turn), y - 20 * unit * Math.sin(angle + turn)];
  context.fillStyle = ACTION;
  context.strokeStyle = HALO;
  context.lineWidth = 2 * unit;
  context.beginPath();
  context.moveTo(x + 4 * unit * Math.cos(angle), y + 4 * unit * Math.sin(angle));
  context.lineTo(...corner(0.45));
  context.lineTo(...corner(-0.45));
  context.closePath();
  context.stroke();
  context.fill();
}

// A word beyond an end of an arrow, in the direction that leads away from it.
function drawWord(context, text, [x, y], direction, gap, ratio) {
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineWidth = 4 * ratio;
  context.strokeStyle = HALO;
  context.fillStyle = TEXT;
  const width = context.measureText(text).width, margin = 6 * ratio, far = (gap + 14) * ratio;
  const [dx, dy] = [Math.cos(direction), Math.sin(direction)];
  const inside = (value, size, whole) => Math.max(margin, Math.min(value, whole - size - margin));
  const left = inside(x + far * dx + (dx - 1) * width / 2, width, context.canvas.width);
  const middle = inside(y + far * dy, 7 * ratio, context.canvas.height);
  context.strokeText(text, left, middle);
  context.fillText(text, left, middle);
}

// What is around a short arrow, before the arrow hides it: {points, radius, from, at, picture}
function magnified(context, points, ratio) {
  const { width, height } = context.canvas;
  const radius = Math.min(0.18 * Math.min(width, height), 90 * ratio), margin = radius + 6 * ratio;
  const times = Math.min(LENS, 1.1 * radius / Math.max(1, lengthOf(points)));
  const ends = [points[0], points[points.length - 1]];
  const from = [0, 1].map((axis) => (ends[0][axis] + ends[1][axis]) / 2);
  const at = [from[0] > width / 2 ? margin : width - margin, from[1] > height / 2 ? margin : height - margin];
  const picture = document.createElement("canvas");
  picture.width = picture.height = 2 * radius;
  const part = 2 * radius / times;
  picture.getContext("2d").drawImage(
    context.canvas, from[0] - part / 2, from[1] - part / 2, part, part, 0, 0, 2 * radius, 2 * radius,
  );
  return { points: points.map(([x, y]) => [at[0] + times * (x - from[0]), at[1] + times * (y - from[1])]), radius, from, at, picture };
}

function drawLens(context, { points, radius, from, at, picture }, ratio) {
  const angle = Math.atan2(at[1] - from[1], at[0] - from[0]);
  const rim = [[from, 22 * ratio], [at, -radius]].map(([[x, y], far]) => [x + far * Math.cos(angle), y + far * Math.sin(angle)]);
  stroke(context, rim, TEXT, 1, ratio);
  context.save();
  context.beginPath();
  context.arc(...at, radius, 0, 2 * Math.PI);
  context.clip();
  context.drawImage(picture, at[0] - radius, at[1] - radius);
  drawArrow(context, points, ratio);
  context.restore();
  context.strokeStyle = TEXT;
  context.lineWidth = 1.5 * ratio;
  for (const [[x, y], size] of [[at, radius], [from, 22 * ratio]]) {
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.stroke();
  }
}
