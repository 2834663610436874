(function () {
  var form = document.querySelector("form");
  var wrong = document.querySelector(".wrong");
  var button = form.querySelector("button");
  var known = ["device_id", "initial_device_display_name", "refresh_token"];
  function fail(text) {
    wrong.textContent = text;
    wrong.hidden = false;
    button.disabled = false;
  }
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    button.disabled = true;
    wrong.hidden = true;
    var body = {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: form.elements.user.value.trim() },
      password: form.elements.password.value
    };
    new URLSearchParams(location.search).forEach(function (value, name) {
      if (known.indexOf(name) >= 0) {
        body[name] = name === "refresh_token" ? value === "true" : value;
      }
    });
    fetch("/_matrix/client/v3/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body)
    }).then(function (reply) {
      return reply.json().then(function (answer) {
        if (!reply.ok) {
          fail(reply.status === 403 ? form.dataset.refused : form.dataset.failed + " " + (answer.error || ""));
          return;
        }
        form.hidden = true;
        document.querySelector(".done").hidden = false;
        if (window.matrixLogin && window.matrixLogin.onLogin) {
          window.matrixLogin.onLogin(answer);
        }
      });
    }).catch(function () {
      fail(form.dataset.failed);
    });
  });
})();
