import "./app.css";

import { render } from "preact";

import { rest } from "./api/live";
import { App } from "./app";
import * as router from "./router";
import { start } from "./store";
import { listen } from "./ui/keys";
import { apply, theme } from "./ui/theme";

apply(theme.value);
router.listen();
listen();
rest();
start();
render(<App />, document.getElementById("app")!);
