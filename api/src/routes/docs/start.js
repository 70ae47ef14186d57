// Loads the document, with a token if it needs one, and shows it.
"use strict";

const form = document.getElementById("token");

async function load(token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch("../openapi.json", { headers, credentials: "omit" });
  if (answer.ok) {
    form.remove();
    show(await answer.json(), token);
    return;
  }
  form.hidden = false;
  if (token || answer.status !== 401) {
    const problem = await answer.json().catch(() => ({}));
    document.getElementById("told").textContent = problem.detail || `The server answered ${answer.status}.`;
  }
}

function show(spec, token) {
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#ui",
    deepLinking: true,
    docExpansion: "list",
    filter: true,
    persistAuthorization: false,
    queryConfigEnabled: false,
    showExtensions: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => token && ui.preauthorizeApiKey("token", token),
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  load(form.elements.token.value.trim());
});
load("");
