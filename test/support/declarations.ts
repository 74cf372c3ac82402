/** The tests that a test file declares, by their names: what a proof refers to. */

import {readFileSync} from 'node:fs';

const blockComment = /^\s*\/\*[\s\S]*?\*\//gm;
const declaration =
  /^\s*(?:for \(.*\) )?(?:await )?(?:test|it|describe)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1,\s*(?!\{[^}]*\b(?:skip|todo)\b)/gm;
const rowOfTable = /^\s*\['([^']+)', /gm;

/**
 * The names given to test(), it() and describe() in a file, as they are written there. Where a name begins with
 * a value (`${statement}: …`), the first strings of the rows of the file's tables count as well. A test in a comment,
 * or with `skip` or `todo`, proves nothing and is left out.
 */
export function declaredTests(path: string): readonly string[] {
  const source = readFileSync(path, 'utf8').replaceAll(blockComment, '');
  const names = [...source.matchAll(declaration)].map(([, , name]) => name!.replaceAll(/\\(['"`])/g, '$1'));
  if (!names.some((name) => name.startsWith('${'))) return names;
  return [...names, ...[...source.matchAll(rowOfTable)].map(([, name]) => name!)];
}
