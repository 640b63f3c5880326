// The page around Swagger UI: signing in and out, so that operations can be tried out as somebody.
"use strict";

const element = (id) => document.getElementById(id);
const form = element("sign-in");

// The answer to the sign-in. It is kept nowhere else, and is gone when the page is closed.
let session = null;

// Swagger UI

const dark = matchMedia("(prefers-color-scheme: dark)");
const followColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followColours);
followColours();

const ui = typeof SwaggerUIBundle === "function" && SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  validatorUrl: null, // it would be another host
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  syntaxHighlight: false,
  defaultModelsExpandDepth: 0,
  onComplete: authorize,
  responseInterceptor: noticeTheEnd,
});
form.hidden = !ui;
element("missing").hidden = Boolean(ui);

function authorize() {
  if (session) ui.preauthorizeApiKey("bearer", session.access_token);
}

// A session can also end elsewhere, or expire.
function noticeTheEnd(response) {
  const { code, error } = response.body ?? {};
  if (session && response.status === 401 && ["TOKEN_EXPIRED", "SESSION_REVOKED"].includes(code)) {
    forget();
    tell(error, true);
  }
  return response;
}

// Signing in and out

async function post(path, body) {
  let reply;
  try {
    reply = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(answer.error ?? `The server answered ${reply.status}.`);
  return answer;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = element("name").value.trim();
  const password = element("password");
  setBusy(true);
  try {
    // A user name cannot contain an @.
    session = await post("/api/v1/auth/login",
      { [name.includes("@") ? "email" : "username"]: name, password: password.value });
    authorize();
    password.value = "";
    show();
    tell("You are signed in. What you try out below is done as you.");
    element("sign-out").focus();
  } catch (problem) {
    tell(problem.message, true);
    password.select();
  } finally {
    setBusy(false);
  }
});

element("sign-out").addEventListener("click", async () => {
  const { refresh_token } = session;
  forget();
  element("name").focus();
  try {
    await post("/api/v1/auth/logout", { refresh_token });
    tell("You are signed out.");
  } catch (problem) {
    tell(`This page has forgotten your session, but could not end it: ${problem.message}`, true);
  }
});

function forget() {
  session = null;
  tell("");
  ui.authActions.logout(["bearer"]);
  show();
}

function show() {
  form.hidden = Boolean(session);
  element("signed-in").hidden = !session;
  element("who").textContent = session ? session.user.username : "";
}

function setBusy(busy) {
  form.querySelector("button").disabled = busy;
  form.setAttribute("aria-busy", busy);
}

function tell(text, failed = false) {
  element("message").textContent = text;
  element("message").classList.toggle("failed", failed);
}
