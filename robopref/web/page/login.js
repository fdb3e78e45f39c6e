// The way into the page of one command: the token at the end of its address, or else the dialog that asks for it.

const element = (id) => document.getElementById(id);

export function ask() {
  if (!element("login").open) element("login").showModal();
}

// Calls `begin` once somebody is in; `silence` is what the dialog says when nothing answers within `patience` ms.
export async function login(begin, silence, patience) {
  const enter = async (token) => {
    const reply = await fetch("api/login", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }),
      signal: patience && AbortSignal.timeout(patience),
    }).catch(() => null);
    if (reply?.ok) return true;
    element("login-error").textContent = !reply ? silence : (await reply.json().catch(() => ({}))).error ?? "";
    return false;
  };
  element("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    element("login-error").textContent = "";
    if (!await enter(element("token").value)) return element("token").select();
    element("token").value = "";
    element("login").close();
    return begin();
  });
  element("login").addEventListener("cancel", (event) => event.preventDefault());
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", location.pathname);
  if (!token || await enter(token)) begin();
  else ask();
}
