// Point clouds with actions drawn on them. One WebGL context draws all views, and all of them turn together.

import { drawLines } from "./lines.js";

const VERTEX = `#version 300 es
uniform mat4 view;
uniform vec2 range;
uniform float size;
in vec3 place;
out float height;
void main() {
  gl_Position = view * vec4(place, 1.0);
  gl_PointSize = max(2.0, size / gl_Position.w);
  height = clamp((place.z - range.x) / max(range.y - range.x, 1e-4), 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec3 low;
uniform vec3 high;
uniform float disc;
in float height;
out vec4 color;
void main() {
  if (disc > 0.5 && length(gl_PointCoord - 0.5) > 0.5) discard;
  color = vec4(mix(low, high, height), 1.0);
}`;

const BEFORE = [0.5, 0.52, 0.55];

function perspective(aspect, near, far) {
  const f = 1 / Math.tan(Math.PI / 8);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0];
}

function multiply(a, b) {
  const result = new Array(16).fill(0);
  for (let i = 0; i < 4; i += 1) {
    for (let j = 0; j < 4; j += 1) {
      for (let k = 0; k < 4; k += 1) result[4 * j + i] += a[4 * k + i] * b[4 * j + k];
    }
  }
  return result;
}

// Where everyone looks from: angles in radians, distance in radii of the workspace.
class Camera {
  constructor() { this.reset(); }

  reset() {
    this.azimuth = -Math.PI / 2;
    this.elevation = 1.15;
    this.distance = 2.55;
  }

  turn(x, y) {
    this.azimuth -= x;
    this.elevation = Math.min(Math.PI / 2 - 0.001, Math.max(-0.2, this.elevation + y));
  }

  zoom(factor) {
    this.distance = Math.min(12, Math.max(0.4, this.distance * factor));
  }

  matrix(center, radius, aspect) {
    const [ca, sa, ce, se] = [Math.cos(this.azimuth), Math.sin(this.azimuth), Math.cos(this.elevation), Math.sin(this.elevation)];
    const back = [ce * ca, ce * sa, se], right = [-sa, ca, 0], up = [-se * ca, -se * sa, ce];
    // A narrow view keeps the whole width in sight.
    const away = this.distance * radius * Math.max(1, 1 / aspect);
    const eye = center.map((value, i) => value + away * back[i]);
    const dot = (a) => -(a[0] * eye[0] + a[1] * eye[1] + a[2] * eye[2]);
    const look = [right[0], up[0], back[0], 0, right[1], up[1], back[1], 0, right[2], up[2], back[2], 0, dot(right), dot(up), dot(back), 1];
    return multiply(perspective(aspect, away / 50, away * 20), look);
  }
}

export class Stage {
  constructor() {
    this.camera = new Camera();
    this.views = [];
    this.buffers = new Map();
    this.waiting = false;
    this.canvas = document.createElement("canvas");
    this.gl = this.canvas.getContext("webgl2", { antialias: true });
    if (this.gl) this.#prepare();
    this.canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); this.gl = null; this.draw(); });
    new ResizeObserver(() => this.draw()).observe(document.getElementById("panels"));
  }

  // Forget the views of the last question.
  clear() {
    this.views = [];
    if (this.gl) for (const buffer of this.buffers.values()) this.gl.deleteBuffer(buffer);
    this.buffers.clear();
  }

  // canvas: where to draw; scenes: one after the other, at least one, each
  // {points: Float32Array, path: [step][anchor][xyz], labels, guide, center, radius}, and perhaps
  // others: [{path, color, word}], clouds: [{points, color: [r, g, b] in 0..1}], drawn with smaller dots, and before:
  // points of what was there earlier, in grey behind all else
  add(canvas, scenes) {
    const height = { low: Infinity, high: -Infinity };
    for (const { points } of scenes.flatMap(cloudsOf)) {
      for (let i = 2; i < points.length; i += 3) {
        height.low = Math.min(height.low, points[i]);
        height.high = Math.max(height.high, points[i]);
      }
    }
    this.views.push({ canvas, scenes, scene: scenes[0], height });
    this.#listen(canvas);
    this.draw();
  }

  // Show one scene where others were, from the same place and in the same shades.
  replace(canvas, scene) {
    const view = this.views.find((one) => one.canvas === canvas);
    if (!view) return this.add(canvas, [scene]);
    if (this.gl) {
      const kept = new Set(cloudsOf(scene).map(({ points }) => points));
      for (const data of view.scenes.flatMap((old) => [...cloudsOf(old).map(({ points }) => points), old.grid])) {
        if (!kept.has(data) && this.buffers.has(data)) {
          this.gl.deleteBuffer(this.buffers.get(data));
          this.buffers.delete(data);
        }
      }
    }
    [view.scenes, view.scene] = [[scene], scene];
    this.draw();
  }

  // Show the scenes of one time; where there are fewer, the last one stays.
  seek(time) {
    let changed = false;
    for (const view of this.views) {
      const scene = view.scenes[Math.min(time, view.scenes.length - 1)];
      changed ||= scene !== view.scene;
      view.scene = scene;
    }
    if (changed) this.draw();
  }

  // Each canvas states whether it shows what it should, "drawn", and of which time.
  draw() {
    for (const { canvas } of this.views) canvas.dataset.state = "drawing";
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const view of this.views) {
        if (!this.#drawView(view)) continue;
        [view.canvas.dataset.time, view.canvas.dataset.state] = [view.scenes.indexOf(view.scene), "drawn"];
      }
    });
  }

  #prepare() {
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    this.at = (name) => gl.getUniformLocation(this.program, name);
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
  }

  #buffer(data) {
    if (!this.buffers.has(data)) {
      const buffer = this.gl.createBuffer();
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.STATIC_DRAW);
      this.buffers.set(data, buffer);
    }
    return this.buffers.get(data);
  }

  #drawView({ canvas, scene, height }) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [w, h] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (w < 2 || h < 2) return false;
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const matrix = this.camera.matrix(scene.center, scene.radius, w / h);
    const context = canvas.getContext("2d");
    context.fillStyle = "#11161c";
    context.fillRect(0, 0, w, h);
    const project = ([x, y, z]) => {
      const m = matrix, s = m[3] * x + m[7] * y + m[11] * z + m[15];
      return s <= 0 ? null : [(0.5 + (m[0] * x + m[4] * y + m[8] * z + m[12]) / (2 * s)) * w, (0.5 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / (2 * s)) * h, s];
    };
    if (this.gl) {
      this.#drawPoints(scene, height, matrix, w, h);
      context.drawImage(this.canvas, 0, this.canvas.height - h, w, h, 0, 0, w, h);
    } else {
      for (const { points, color } of cloudsOf(scene)) {
        context.fillStyle = color ? `rgb(${color.map((value) => 255 * value).join(" ")})` : "#9fd3f5";
        for (let i = 0; i < points.length; i += 3) {
          const at = project(points.subarray(i, i + 3));
          if (at) context.fillRect(at[0] - 1.5, at[1] - 1.5, 3, 3);
        }
      }
    }
    drawLines(context, scene, project, ratio);
    return true;
  }

  #drawPoints(scene, height, matrix, w, h) {
    const gl = this.gl;
    if (this.canvas.width < w || this.canvas.height < h) {
      [this.canvas.width, this.canvas.height] = [Math.max(w, this.canvas.width), Math.max(h, this.canvas.height)];
    }
    gl.viewport(0, 0, w, h);
    gl.clearColor(0.067, 0.086, 0.11, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.at("view"), false, matrix);
    gl.uniform2f(this.at("range"), height.low, height.high);
    const draw = (data, mode, low, high, disc) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer(data));
      gl.enableVertexAttribArray(gl.getAttribLocation(this.program, "place"));
      gl.vertexAttribPointer(gl.getAttribLocation(this.program, "place"), 3, gl.FLOAT, false, 0, 0);
      gl.uniform1f(this.at("size"), (scene.clouds ? 0.008 : 0.028) * scene.radius * h);
      gl.uniform3fv(this.at("low"), low);
      gl.uniform3fv(this.at("high"), high);
      gl.uniform1f(this.at("disc"), disc);
      gl.drawArrays(mode, 0, data.length / 3);
    };
    scene.grid ??= gridOf(scene, height.low);
    draw(scene.grid, gl.LINES, [0.2, 0.24, 0.29], [0.2, 0.24, 0.29], 0);
    for (const { points, color } of cloudsOf(scene)) {
      gl.depthMask(points !== scene.before);
      draw(points, gl.POINTS, color ?? [0.25, 0.6, 0.85], color ?? [0.88, 0.96, 1.0], 1);
    }
    gl.depthMask(true);
  }

  #listen(canvas) {
    const held = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const gap = (at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
        this.camera.zoom(gap(before) / gap(now));
      } else {
        this.camera.turn((now[0] - before[0]) * 0.008, (now[1] - before[1]) * 0.008);
      }
      held.set(event.pointerId, now);
      this.draw();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => held.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.camera.zoom(Math.exp(Math.sign(event.deltaY) * 0.12));
      this.draw();
    }, { passive: false });
    canvas.addEventListener("dblclick", () => { this.camera.reset(); this.draw(); });
  }
}

// The cloud in shades of its height, and those with a colour of their own.
function cloudsOf({ points, clouds, before }) {
  return [...(before ? [{ points: before, color: BEFORE }] : []), { points }, ...(clouds ?? [])];
}

function gridOf({ center, radius }, floor) {
  const lines = [];
  for (let i = -4; i <= 4; i += 1) {
    const at = (i / 4) * radius;
    lines.push(center[0] + at, center[1] - radius, floor, center[0] + at, center[1] + radius, floor);
    lines.push(center[0] - radius, center[1] + at, floor, center[0] + radius, center[1] + at, floor);
  }
  return new Float32Array(lines);
}
