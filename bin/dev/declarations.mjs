/** Writes the type declarations of `tmq/testing`, of its fixtures, and of the modules they refer to. */

import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, normalize} from 'node:path';

/** The modules that users import, and the form of each: that of its bundle. */
const entries = /** @type {const} */ ([
  ['testing/testing', 'cts'],
  ['testing/node', 'cts'],
  // vitest is an ES module, which CommonJS cannot import statically.
  ['testing/vitest', 'mts'],
]);

/**
 * Emits the declarations of all modules that the entries import: tsc cannot emit only some.
 * @param {string} root @param {string} directory
 */
function emit(root, directory) {
  const flags = [
    '--ignoreConfig --declaration --emitDeclarationOnly --rootDir src --module nodenext --target es2023',
    '--lib es2023,esnext.disposable --types node --strict --exactOptionalPropertyTypes',
    '--rewriteRelativeImportExtensions --skipLibCheck --verbatimModuleSyntax',
  ].flatMap((words) => words.split(' '));
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const files = entries.map(([entry]) => `src/${entry}.ts`);
  execFileSync(compiler, [...flags, '--outDir', directory, ...files], {cwd: root, stdio: 'inherit'});
}

/**
 * The declarations reachable from the entries, by path with extension. What they import is CommonJS, as the bundle of
 * `tmq/testing` is.
 * @param {string} directory
 */
function needed(directory) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  /** @type {(readonly [name: string, extension: string])[]} */
  const wanted = [...entries];
  for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
    const [name, extension] = next;
    const path = `${name}.d.${extension}`;
    if (texts.has(path)) continue;
    const text = readFileSync(join(directory, `${name}.d.ts`), 'utf8');
    for (const [, module] of text.matchAll(/from '(\.[^']+)\.ts'/g)) {
      wanted.push([normalize(join(dirname(name), /** @type {string} */ (module))), 'cts']);
    }
    texts.set(path, text.replace(/from '(\.[^']+)\.ts'/g, "from '$1.cjs'"));
  }
  return texts;
}

/** Replaces `dist/types`. @param {string} root */
export function writeDeclarations(root) {
  const emitted = mkdtempSync(join(tmpdir(), 'tmq-types-'));
  const next = join(root, 'dist', `.types.${process.pid}`);
  const types = join(root, 'dist', 'types');
  try {
    emit(root, emitted);
    for (const [name, text] of needed(emitted)) {
      const path = join(next, name);
      mkdirSync(dirname(path), {recursive: true});
      writeFileSync(path, text);
    }
    rmSync(types, {recursive: true, force: true});
    renameSync(next, types);
  } finally {
    rmSync(emitted, {recursive: true, force: true});
    rmSync(next, {recursive: true, force: true});
  }
}
