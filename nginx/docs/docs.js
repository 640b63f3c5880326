// The page around Swagger UI: signing up, in and out, so that operations can be tried out as somebody.
"use strict";

const element = (id) => document.getElementById(id);
const dialog = element("account");
const form = dialog.querySelector("form");

// The answer to the sign-in. The tab keeps it over a reload, out of reach of other sites and other tabs.
let session = null;

// Swagger UI

const dark = matchMedia("(prefers-color-scheme: dark)");
const followColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followColours);
followColours();

// Signing in is the page's own: instead of Swagger UI's dialogs for tokens, an operation shows whether it is locked.
function ownSignIn({ React }) {
  function Lock({ isAuthorized }) {
    const text = isAuthorized ? "You are signed in" : "Needs a sign-in";
    return React.createElement("span",
      { className: `lock ${isAuthorized ? "open" : "closed"}`, role: "img", "aria-label": text, title: text });
  }
  // Inside of a button or heading that can be clicked, there is no link.
  const Text = ({ text }) => React.createElement("span", null, text);
  // What can be called without a sign-in has no lock, even if a sign-in is possible.
  const withoutNeedlessLock = (Summary) => function OperationSummary({ operationProps, ...others }) {
    const security = operationProps.get("security");
    const isOpen = security?.some((requirement) => requirement.isEmpty());
    return React.createElement(Summary,
      { ...others, operationProps: isOpen ? operationProps.set("security", security.clear()) : operationProps });
  };
  const withLabel = (TextArea) => function LabelledTextArea(properties) {
    return React.createElement(TextArea, { "aria-label": "Request body", ...properties });
  };
  const asDetails = (Info) => function InfoDetails(properties) {
    return React.createElement("details", { className: "about" },
      React.createElement("summary", null, "Sign-in, errors and versions"), React.createElement(Info, properties));
  };
  return {
    components: { authorizeBtn: () => null, authorizeOperationBtn: Lock, DeepLink: Text },
    wrapComponents: { OperationSummary: withoutNeedlessLock, TextArea: withLabel, InfoContainer: asDetails },
  };
}

const ui = typeof SwaggerUIBundle === "function" && SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  plugins: [ownSignIn],
  validatorUrl: null, // it would be another host
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  syntaxHighlight: false,
  defaultModelsExpandDepth: 0,
  onComplete: authorize,
  responseInterceptor: noticeTheEnd,
});
element("signed-out").hidden = !ui;
element("missing").hidden = Boolean(ui);
if (ui) restore();

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

// The session

function keep(answer) {
  session = answer;
  sessionStorage.setItem("session", JSON.stringify(session));
  authorize();
  show();
}

function forget() {
  session = null;
  sessionStorage.removeItem("session");
  tell("");
  if (ui.authSelectors.authorized().size) ui.authActions.logout(["bearer"]);
  show();
}

function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem("session"));
    return found?.access_token && found.user?.username ? found : null;
  } catch {
    return null;
  }
}

// After a reload; the session may have ended meanwhile.
async function restore() {
  session = kept();
  if (!session) return;
  show();
  try {
    const { valid } = await post("/api/v1/auth/validate", { token: session.access_token });
    if (valid) return;
    forget();
    tell("Your session has ended: sign in again.", true);
  } catch (problem) {
    tell(problem.message, true);
  }
}

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
  if (!reply.ok) throw new Refusal(answer, reply.status);
  return answer;
}

class Refusal extends Error {
  constructor({ error, details = {} }, status) {
    const fields = Object.entries(details).map(([field, why]) => `${field.replaceAll("_", " ")} ${why}`);
    super(fields.length ? `${fields.join("; ")}.` : error ?? `The server answered ${status}.`);
  }
}

// Signing up, in and out

element("sign-in").addEventListener("click", () => ask(false));
element("sign-up").addEventListener("click", () => ask(true));
element("cancel").addEventListener("click", () => dialog.close());

let isNew = false;

function ask(signingUp) {
  choose(signingUp);
  element("problem").textContent = "";
  dialog.showModal();
}

function choose(signingUp) {
  isNew = signingUp;
  const title = isNew ? "Sign up" : "Sign in";
  element("account-title").textContent = title;
  element("submit").textContent = title;
  form.querySelector("label[for=name]").textContent = isNew ? "User name" : "User name or e-mail";
  element("email").disabled = !isNew;
  element("email").parentElement.hidden = !isNew;
  element("password").autocomplete = isNew ? "new-password" : "current-password";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = element("name").value.trim();
  const password = element("password");
  setBusy(true);
  try {
    if (isNew) {
      await post("/api/v1/users",
        { username: name, email: element("email").value.trim(), password: password.value });
      choose(false); // if the sign-in fails, only that is repeated
    }
    // A user name cannot contain an @.
    keep(await post("/api/v1/auth/login",
      { [name.includes("@") ? "email" : "username"]: name, password: password.value }));
    form.reset();
    dialog.close();
    tell("You are signed in. What you try out below is done as you.");
    element("sign-out").focus();
  } catch (problem) {
    element("problem").textContent = problem.message;
    password.select();
  } finally {
    setBusy(false);
  }
});

element("sign-out").addEventListener("click", async () => {
  const { refresh_token } = session;
  forget();
  element("sign-in").focus();
  try {
    await post("/api/v1/auth/logout", { refresh_token });
    tell("You are signed out.");
  } catch (problem) {
    tell(`This page has forgotten your session, but could not end it: ${problem.message}`, true);
  }
});

function show() {
  element("signed-out").hidden = Boolean(session);
  element("signed-in").hidden = !session;
  element("who").textContent = session ? session.user.username : "";
}

function setBusy(busy) {
  element("submit").disabled = busy;
  form.setAttribute("aria-busy", busy);
}

function tell(text, failed = false) {
  element("message").textContent = text;
  element("message").classList.toggle("failed", failed);
}
