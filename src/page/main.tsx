/** Starts the page. */

import {PageModel} from './model.ts';
import {render} from './ui.ts';
import {App} from './views/app.tsx';

const number = crypto.getRandomValues(new Uint32Array(1))[0]!;
const model = new PageModel(`tmq-page-${number.toString(16).padStart(8, '0')}`);
render(<App model={model} />, document.body);
void model.link.connect();
