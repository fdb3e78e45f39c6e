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

// question: as the server sends it; clouds: whether clouds are in sight; both: whether videos and clouds take turns.
export function signsOf(question, clouds, both) {
  const { labels = [], guide } = question;
  if (!clouds) {
    if (!both) return [];
    return [sign("none", "A video of what the robot would do. The action and the target are drawn on the points: press Video or points.")];
  }
  const drawn = question.items.some(({ frames }) => frames.some(({ path }) => path.length));
  const [ring, head] = MEANINGS[labels.join(" ")] ?? [
    labels.length > 1 ? labels[0] : `the ${labels[0]} starts here`, labels.length > 1 ? labels[labels.length - 1] : "and goes here",
  ];
  return [
    ...(drawn && labels.length ? [sign("ring", ring), sign("head", head)] : []),
    ...(guide ? [sign("dots", "target")] : []),
  ];
}
