// What the signs on point clouds mean, in words under the instruction.

const MEANINGS = {
  "pick place": ["pick: the gripper takes hold here", "place: it lets go here"],
  "pick pick": ["one gripper takes hold here", "the other one takes hold here"],
  "start end": ["start: the tool touches down here", "end: it lifts off here"],
};

function sign(name, text) {
  const made = document.createElement("span"), mark = document.createElement("i");
  made.className = name;
  made.append(mark, text);
  return made;
}

// question: as the server sends it; shown: what is in sight, as of Panels; both: whether two views take turns.
export function signsOf(question, shown, both) {
  const { labels = [], guide } = question, target = guide ? [sign("dots", "target")] : [];
  if (shown === "outcomes") return [sign("before", "before"), sign("after", "what came of it"), ...target];
  if (shown === "videos") {
    if (!both) return [];
    return [sign("none", "A video of what the robot would do. The action and the target are drawn on the points: press Video or points.")];
  }
  const drawn = question.items.some(({ frames, actions }) => (actions ?? frames).some(({ path }) => path.length));
  const [ring, head] = MEANINGS[labels.join(" ")] ?? [
    labels.length > 1 ? labels[0] : `the ${labels[0]} starts here`, labels.length > 1 ? labels[labels.length - 1] : "and goes here",
  ];
  return [
    ...(drawn && labels.length ? [sign("ring", ring), sign("head", head)] : []),
    ...target,
  ];
}
