/** Writes the licences of the packages whose code the bundles hold: those packages are not installed with tmq. */

import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

/** @typedef {import('esbuild').Metafile} Metafile */

/**
 * The folders of the packages whose code is in the output of a build, such as 'node_modules/mqtt'.
 * @param {Metafile} metafile @returns {readonly string[]}
 */
export function bundledPackages({outputs}) {
  return Object.values(outputs)
    .flatMap(({inputs}) => Object.entries(inputs))
    .flatMap(([path, {bytesInOutput}]) => {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
      return folder === undefined || bytesInOutput === 0 ? [] : [folder];
    });
}

/**
 * The text of a package's licence file; undefined if it ships none.
 * @param {string} folder @returns {string | undefined}
 */
function licenceFile(folder) {
  const name = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
  return name === undefined ? undefined : readFileSync(join(folder, name), 'utf8');
}

/** A line that only names the licence or the holders of the copyright. */
const ownLine = /^\s*(?:copyright\b|\(c\)|©|(?:the )?(?:mit|isc) license\b|\(the mit license\)|=+$|-+$)/i;

/**
 * The contents of THIRD-PARTY-NOTICES: for each package its name, version, licence and the text of that. The words of
 * a licence that several packages have are there once.
 * @param {string} root @param {Iterable<string>} folders below root @returns {string}
 * @throws Error for a package without a licence text
 */
export function thirdPartyNotices(root, folders) {
  const packages = [...new Set(folders)].map((folder) => {
    const {name, version, license, author} = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    );
    // sha512-crypt-ts ships no text of its licence; TypeScript has the same one.
    const own = licenceFile(join(root, folder));
    const apache =
      license === 'Apache-2.0' ? licenceFile(join(root, 'node_modules', 'typescript')) : undefined;
    const text = own ?? (apache && `Copyright ${author?.name ?? author}\n\n${apache}`);
    if (text === undefined) throw new Error(`${name} ships no text of its licence.`);
    return {title: `${name} ${version}`, license, text: text.replaceAll(/[ \t\r]+$/gm, '').trim()};
  });
  packages.sort((a, b) => (a.title < b.title ? -1 : 1));
  /** The first package with these words. @type {Map<string, string>} */
  const first = new Map();
  const sections = packages.map(({title, license, text}) => {
    const lines = text.split('\n');
    const words = lines
      .filter((line) => !ownLine.test(line))
      .join(' ')
      .replaceAll(/\s+/g, ' ')
      .trim();
    const other = first.get(words);
    if (other === undefined) first.set(words, title);
    const holders = lines.filter((line) => ownLine.test(line) && /\w/.test(line)).join('\n');
    const shown =
      other === undefined
        ? text
        : `${holders}\n\nThe rest of this licence is, word for word, that of ${other}.`;
    return `${title} (${license})\n\n${shown}\n`;
  });
  const head = "tmq's files hold code of these packages, under these licences.\n";
  return [head, ...sections].join(`\n${'-'.repeat(80)}\n\n`);
}
