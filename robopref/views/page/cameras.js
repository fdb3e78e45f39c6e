// The page of calibrated cameras: their clouds in the base frame, as calibrated or refined.

import { ask, login } from "./login.js";
import { Stage } from "./viewer.js";

const element = (id) => document.getElementById(id);
// Told apart by people with any kind of colour vision (Okabe and Ito), as far as they go.
const COLORS = [[0.9, 0.62, 0], [0.34, 0.71, 0.91], [0, 0.62, 0.45], [0.8, 0.47, 0.65], [0.94, 0.89, 0.26], [0.84, 0.37, 0]];
const AXES = ["#ff5a5a", "#5ad65a", "#6f9bff"], AXIS = 0.1; // m
const BOX = "#cfd6dd";

const stage = new Stage();
let content = null;
let lines = [];

function make(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

const colorOf = (index) => COLORS[index % COLORS.length];

function floats(text) {
  return new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

// The twelve edges of a box join corners that differ in one coordinate.
function edgesOf([low, high]) {
  const corner = (bits) => low.map((value, axis) => (bits & (1 << axis) ? high[axis] : value));
  return [0, 1, 2].flatMap((axis) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bits) => !(bits & (1 << axis)))
    .map((bits) => [corner(bits), corner(bits | (1 << axis))]));
}

function show(kind) {
  const clouds = content.clouds.map((cloud, index) => ({ points: cloud[kind], color: colorOf(index) }));
  const { center, radius } = content;
  stage.replace(element("scene"), { points: new Float32Array(), clouds, path: [], labels: [""], others: lines, center, radius });
  for (const button of element("toggle").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    if (button.dataset.kind === kind) element("kind").textContent = button.textContent;
  }
  document.body.dataset.shown = kind;
}

function showTable([header, ...rows]) {
  const head = make("tr", "");
  head.append(...header.map((text) => Object.assign(make("th", text), { scope: "col" })));
  element("header").replaceChildren(head);
  element("rows").replaceChildren(...rows.map((cells, index) => {
    const row = make("tr", ""), dot = make("i", "");
    dot.style.background = `rgb(${colorOf(index).map((value) => Math.round(255 * value)).join(" ")})`;
    row.append(...cells.map((text) => make("td", text)));
    row.firstChild.prepend(dot);
    return row;
  }));
}

async function load() {
  const reply = await fetch("api/cameras").catch(() => null);
  if (reply?.status === 401) return ask();
  if (!reply?.ok) {
    element("notice").textContent = "The command does not answer; it has to run while this page is loaded.";
    return undefined;
  }
  content = await reply.json();
  for (const cloud of content.clouds) for (const kind of ["rough", "refined"]) cloud[kind] = floats(cloud[kind]);
  const line = (points, color) => ({ path: points.map((point) => [point]), color });
  lines = AXES.map((color, axis) => line([[0, 0, 0], [0, 1, 2].map((other) => (other === axis ? AXIS : 0))], color));
  if (content.workspace) lines.push(...edgesOf(content.workspace).map((edge) => line(edge, BOX)));
  element("box").hidden = !content.workspace;
  showTable(content.rows);
  return show("refined");
}

element("toggle").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && content) show(button.dataset.kind);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.repeat || !content || event.target.matches("button, input")) return;
  event.preventDefault();
  show(document.body.dataset.shown === "rough" ? "refined" : "rough");
});

await login(load, "The command does not answer.");
