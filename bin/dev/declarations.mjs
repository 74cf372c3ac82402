/** Writes the type declarations of `tmq/testing` and of the modules it refers to. */

import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, normalize} from 'node:path';

const entry = 'broker/server/testing';

/**
 * Emits the declarations of all modules that the entry imports: tsc cannot emit only some.
 * @param {string} root @param {string} directory
 */
function emit(root, directory) {
  const flags = [
    '--ignoreConfig --declaration --emitDeclarationOnly --rootDir src --module nodenext --target es2023',
    '--lib es2023,esnext.disposable --types node --strict --exactOptionalPropertyTypes',
    '--rewriteRelativeImportExtensions --skipLibCheck --verbatimModuleSyntax',
  ].flatMap((words) => words.split(' '));
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  execFileSync(compiler, [...flags, '--outDir', directory, `src/${entry}.ts`], {cwd: root, stdio: 'inherit'});
}

/**
 * The declarations reachable from the entry, by path without extension, with imports of .cjs files for consumers.
 * @param {string} directory
 */
function needed(directory) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  const wanted = [entry];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (texts.has(name)) continue;
    const text = readFileSync(join(directory, `${name}.d.ts`), 'utf8');
    for (const [, path] of text.matchAll(/from '(\.[^']+)\.ts'/g)) {
      wanted.push(normalize(join(dirname(name), /** @type {string} */ (path))));
    }
    texts.set(name, text.replace(/from '(\.[^']+)\.ts'/g, "from '$1.cjs'"));
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
      // As CommonJS, which is what `dist/testing.cjs` is.
      const path = join(next, `${name}.d.cts`);
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
