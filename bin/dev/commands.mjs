/** The names of the commands, read from src/commands/all.ts, for the tools that run without TypeScript. */

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {transformSync} from 'esbuild';

const source = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'commands', 'all.ts'), 'utf8');
const {code} = transformSync(source, {loader: 'ts', format: 'esm'});
/** @type {{commands: readonly {name: string}[]}} */
const {commands} = await import(`data:text/javascript,${encodeURIComponent(code)}`);

/** @type {readonly string[]} */
export const commandNames = commands.map(({name}) => name);
