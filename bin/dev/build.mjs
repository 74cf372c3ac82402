/**
 * Bundles src/ into dist/: one CommonJS file for each command, one with the documents of all of them for help, manual
 * and completion, one for each package that few runs use, and the page of the broker. A small bundle starts faster, so a command's holds
 * neither the other commands nor the documents.
 */

import {createHash} from 'node:crypto';
import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join, sep} from 'node:path';
import {build} from 'esbuild';
import {commandNames} from './commands.mjs';
import {writeDeclarations} from './declarations.mjs';
import {bundledPackages, thirdPartyNotices} from './notices.mjs';
import {buildPage} from './page.mjs';

/** @typedef {import('esbuild').Plugin} Plugin */

const root = join(import.meta.dirname, '..', '..');
const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Packages that src/ imports by `await import()`, because few runs use them. */
const seldomPackages = ['chalk', 'hash-wasm', 'ora', 'sha512-crypt-ts', 'socks', 'ws'];

/** Modules of Node imported statically in src/ which many runs do not use, and which take time to load. */
const seldomModules =
  /^node:(child_process|crypto|dns|dns\/promises|fs\/promises|http|https|module|os|readline|timers\/promises|tls|v8|worker_threads|zlib)$/;

/** A name in the clause of an import, before what it may be called there; types are none. */
const named = /(?<=(^|,)\s*)(?!type\s)\w+/g;

/** @param {string} file */
const isSource = (file) => file.startsWith(join(root, 'src') + sep);
const shim = (/** @type {string} */ name) => ({path: join(root, 'bin', 'dev', 'shims', `${name}.cjs`)});

/** Of the 90 spinners, ora's defaults: those of terminals with and without Unicode. */
const spinners = ['dots', 'line'];

/** Packages replaced by bin/dev/shims/, because they are for browsers or slow to load. */
/** @type {Plugin} */
const replacePackages = {
  name: 'replace-packages',
  setup({onResolve, onLoad}) {
    // MQTT.js imports its whole manifest for its version.
    onLoad({filter: /[\\/]node_modules[\\/]mqtt[\\/]package\.json$/}, ({path}) => ({
      contents: JSON.stringify({version: JSON.parse(readFileSync(path, 'utf8')).version}),
      loader: 'json',
    }));
    onLoad({filter: /[\\/]cli-spinners[\\/]spinners\.json$/}, ({path}) => {
      const all = JSON.parse(readFileSync(path, 'utf8'));
      return {
        contents: JSON.stringify(Object.fromEntries(spinners.map((name) => [name, all[name]]))),
        loader: 'json',
      };
    });
    onResolve({filter: /^(debug|worker-timers|readable-stream)$/}, ({path}) => shim(path));
    onResolve({filter: /^node:child_process$/}, ({importer}) =>
      importer.includes(`${sep}commander${sep}`) ? shim('child_process') : undefined,
    );
    onResolve({filter: /\/help\.js$/}, ({importer}) =>
      importer.includes(`${sep}commander${sep}`) ? shim('commander-help') : undefined,
    );
  },
};

/** Leaves packages in files of their own, which are loaded when they are imported. */
/** @type {Plugin} */
const packagesApart = {
  name: 'packages-apart',
  setup({onResolve}) {
    onResolve({filter: new RegExp(`^(${seldomPackages.join('|')})$`)}, ({path, importer}) =>
      isSource(importer) ? {path: `./package-${path}.cjs`, external: true} : undefined,
    );
  },
};

/** Leaves the web server of the broker in a file of its own: few brokers have it. */
/** @type {Plugin} */
const webServerApart = {
  name: 'web-server-apart',
  setup({onResolve}) {
    onResolve({filter: /\/web\/web-server\.ts$/}, ({kind}) =>
      kind === 'dynamic-import' ? {path: './broker-web.cjs', external: true} : undefined,
    );
  },
};

/** What src/client/ imports of MQTT.js; runs with src/client/connection/minimal-client.ts do not need it. */
const mqttjsModules = ['mqtt/lib/client', 'mqtt-packet', 'mqtt-packet/constants.js'];

/** Puts MQTT.js in one file of its own, which the loader runs from the cache like any bundle. */
/** @type {Plugin} */
const mqttjsApart = {
  name: 'mqttjs-apart',
  setup({onResolve, onLoad}) {
    const mqttjs = join(root, 'src', 'client') + sep;
    onResolve({filter: new RegExp(`^(${mqttjsModules.join('|')})$`)}, ({path, importer}) =>
      importer.startsWith(mqttjs) ? {path, namespace: 'mqttjs'} : undefined,
    );
    onResolve({filter: /^/, namespace: 'mqttjs'}, ({path}) => ({path, external: true}));
    onLoad({filter: /^/, namespace: 'mqttjs'}, ({path}) => ({
      contents: `module.exports=require('./library-mqttjs.cjs')['${path}']`,
    }));
  },
};

/** Leaves the program of the threads of bench in a file of its own, which names itself. */
/** @type {Plugin} */
const threadApart = {
  name: 'thread-apart',
  setup({onResolve}) {
    onResolve({filter: /^\.\/thread-file\.ts$/}, () => ({path: './thread-load.cjs', external: true}));
  },
};

/**
 * Loads the modules of static imports when they are first used. Without it a broker takes a tenth more CPU time
 * to start; the clients gain 1 %.
 */
/** @type {Plugin} */
const modulesAtFirstUse = {
  name: 'modules-at-first-use',
  setup({onResolve, onLoad}) {
    onResolve({filter: seldomModules}, ({path, importer, kind}) => {
      if (kind !== 'import-statement' || !isSource(importer)) return undefined;
      const source = readFileSync(importer, 'utf8');
      // A namespace import may look for names that only a later Node has.
      if (new RegExp(`^import (\\* as )?\\w+ from '${path}'`, 'm').test(source)) return undefined;
      // Getters only for the names imported: one for each name of the module takes time to make.
      const clauses = source.matchAll(new RegExp(`^import \\{([^}]*)\\} from '${path}'`, 'gm'));
      const names = [...clauses].flatMap(([, clause]) => [.../** @type {string} */ (clause).matchAll(named)]);
      const suffix = `?${names.map(([name]) => name).sort()}`;
      return {path, suffix, namespace: 'first-use'};
    });
    onLoad({filter: /^/, namespace: 'first-use'}, ({path, suffix}) => {
      const getters = suffix
        .slice(1)
        .split(',')
        .map((name) => `get ${name}(){return require('${path}').${name}}`);
      return {contents: `module.exports={__esModule:true,${getters}}`};
    });
  },
};

/** What only documents need: of a row of an option table, and of a command. */
const rowDocuments = ['summary', 'details'];
const commandDocuments = [
  ...[
    'summary',
    'synopsis',
    'description',
    'examples',
    'mostUsed',
    'differences',
    'sections',
    'exitStatuses',
  ],
  ...['environment', 'files'],
];
/** What only a run of a command needs. */
const commandRun = ['fromEnvironment', 'plan', 'run'];

/**
 * A source without some properties of the object literals that begin at this depth. A property ends where a line is
 * indented no more than its first: the formatter sees to that. Inside a line, it is a string and not the first.
 * @param {string} source @param {readonly string[]} names @param {string} indentation a pattern
 */
function without(source, names, indentation) {
  const name = `(?:${names.join('|')})`;
  const start = `^(${indentation})(?:async |get )?${name}\\b *[:,(].*\\n`;
  const lines = new RegExp(`${start}(?:\\1 .*\\n|\\n)*(?:\\1[\\])}].*\\n)?`, 'gm');
  const inLine = new RegExp(`, ${name}: '(?:[^'\\\\\\n]|\\\\.)*'`, 'g');
  return source.replace(lines, '').replace(inLine, '');
}

/** The command whose own file this is, by convention of src/commands/all.ts. @param {string} file */
const commandOf = (file) => /[\\/]src[\\/]commands[\\/](\w+)[\\/]\1\.ts$/.exec(file)?.[1];

/**
 * Leaves the other commands and the documents out of a command's bundle: those are taken from the bundle of all when
 * asked for. Whose an unknown option is depends on the other commands' tables, too.
 * @param {string} command @returns {Plugin}
 */
const only = (command) => ({
  name: 'only',
  setup({onResolve, onLoad}) {
    const others = commandNames.filter((other) => other !== command).join('|');
    onResolve(
      {
        filter: new RegExp(
          `^\\./((${others})/(${others})|cli/(help|manual|completion|roff-text)|commands/help-about|commands/manual/topics)\\.ts$`,
        ),
      },
      ({path, importer, kind}) =>
        kind === 'dynamic-import' && /[\\/](main|commands[\\/]all)\.ts$/.test(importer)
          ? {path, namespace: 'left-out'}
          : undefined,
    );
    onResolve({filter: /^/, namespace: 'left-out'}, ({path}) => ({path, external: true}));
    onLoad({filter: /^/, namespace: 'left-out'}, ({path}) => {
      const all = "require('./tmq.cjs')";
      if (path.endsWith('/help-about.ts')) {
        const whole = `(...words)=>${all}.loadHelp().then(({helpAbout})=>helpAbout(...words))`;
        return {contents: `exports.helpAbout=${whole}`};
      }
      const name = new RegExp(`^\\./(${others})/`).exec(path)?.[1];
      if (name === undefined) return {contents: ''};
      const loaded = `${all}.commands.find(({name})=>name==='${name}').load()`;
      return {contents: `module.exports={__esModule:true,get ${name}(){return ${loaded}}}`};
    });
    onLoad({filter: /[\\/]src[\\/]commands[\\/].*\.ts$/}, ({path}) => {
      const rows = without(readFileSync(path, 'utf8'), rowDocuments, ' +');
      return {
        contents: commandOf(path) === undefined ? rows : without(rows, commandDocuments, '  '),
        loader: 'ts',
      };
    });
  },
});

/** Commands whose start may take longer: the bundle of all commands serves them, and the package stays small. */
const withoutBundle = new Set(['profile', 'reply', 'bench']);

/** Leaves out of the bundle of all what commands with bundles of their own do when they run. @type {Plugin} */
const documentsOnly = {
  name: 'documents-only',
  setup({onLoad}) {
    onLoad({filter: /[\\/]src[\\/]commands[\\/].*\.ts$/}, ({path}) => {
      const command = commandOf(path);
      if (command === undefined || withoutBundle.has(command)) return undefined;
      return {contents: without(readFileSync(path, 'utf8'), commandRun, '  '), loader: 'ts'};
    });
  },
};

/** Leaves the module of `tmq/testing` in its own file: its fixtures are for the same brokers. @type {Plugin} */
const testingApart = {
  name: 'testing-apart',
  setup({onResolve}) {
    onResolve({filter: /\/testing\.ts$/}, ({importer}) =>
      /[\\/]src[\\/]testing[\\/](?:node|vitest)\.ts$/.test(importer)
        ? {path: './testing.cjs', external: true}
        : undefined,
    );
  },
};

/** The folders of the packages whose code is in the bundles made so far. @type {Set<string>} */
const packages = new Set();

/** @typedef {{entryPoints: string[]} | {stdin: {contents: string, resolveDir: string}}} Entry */

/**
 * @param {Entry} entry @param {readonly Plugin[]} plugins @param {'cjs' | 'esm'} format
 * @returns {Promise<Uint8Array>}
 */
async function bundle(entry, plugins, format = 'cjs') {
  const {outputFiles, metafile} = await build({
    absWorkingDir: root,
    ...entry,
    write: false,
    metafile: true,
    plugins: [...plugins],
    bundle: true,
    format,
    platform: 'node',
    target: 'node20.19',
    minify: true,
    // A script run from the code cache has require, and no import().
    supported: {'dynamic-import': false},
    define: {'process.env.TMQ_VERSION': JSON.stringify(version)},
    // Optional native accelerators of ws, which works without; and what the user of a fixture has.
    external: ['bufferutil', 'utf-8-validate', 'vitest'],
    // What uses it looks first for what a bundle has in its place.
    logOverride: {'empty-import-meta': 'silent'},
    logLevel: 'warning',
  });
  for (const folder of bundledPackages(metafile)) packages.add(folder);
  const {text} = /** @type {[import('esbuild').OutputFile]} */ (outputFiles)[0];
  // The loader reads Latin-1, which is quicker; in regular expressions esbuild leaves other characters alone.
  const ascii = text.replace(
    /[^\x00-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(ascii);
}

/**
 * A bundle that bin/tmq.js runs: a function, and before it a line by which it tells whose code a cache is.
 * @param {Entry} entry @param {readonly Plugin[]} plugins @returns {Promise<Uint8Array>}
 */
async function cacheable(entry, plugins) {
  const contents = await bundle(entry, plugins);
  const stamp = `// tmq ${version} ${createHash('sha256').update(contents).digest('hex')}\n`;
  return Buffer.concat([
    Buffer.from(`${stamp}(function(exports,require,module){`),
    contents,
    Buffer.from('})\n'),
  ]);
}

/** @param {readonly Plugin[]} plugins */
const program = (plugins) =>
  cacheable({entryPoints: ['src/main.ts']}, [
    replacePackages,
    packagesApart,
    webServerApart,
    mqttjsApart,
    threadApart,
    modulesAtFirstUse,
    ...plugins,
  ]);

const mqttjs = {
  contents: mqttjsModules.map((path) => `exports['${path}']=require('${path}')`).join(';'),
  resolveDir: root,
};

/** In another thread than the first it runs; in the first it only says where it is. */
const loadThread = {
  contents:
    "exports.file=__filename;if(!require('node:worker_threads').isMainThread)require('./src/load/worker.ts')",
  resolveDir: root,
};

/** What a package is taken from, where its main file has much that is not used. @type {Readonly<Record<string, string>>} */
const partOfPackage = {'hash-wasm': 'hash-wasm/dist/argon2.umd.min.js'};

/** The exports of a package, and as `file` the bundle's own file, for threads to load. @param {string} name */
const packageWithFile = (name) => ({
  contents: `module.exports=require('${partOfPackage[name] ?? name}');try{module.exports.file=__filename}catch{}`,
  resolveDir: root,
});

/** The page of `tmq broker --web`. @returns {Promise<Uint8Array>} */
async function page() {
  const {page: contents, metafile} = await buildPage(root, version);
  for (const folder of bundledPackages(metafile)) packages.add(folder);
  return contents;
}

/** @type {readonly (readonly [string, Promise<Uint8Array>])[]} */
const files = [
  ['tmq.cjs', program([documentsOnly])],
  ...commandNames
    .filter((command) => !withoutBundle.has(command))
    .map((command) => /** @type {const} */ ([`command-${command}.cjs`, program([only(command)])])),
  ['library-mqttjs.cjs', cacheable({stdin: mqttjs}, [replacePackages])],
  ['thread-load.cjs', bundle({stdin: loadThread}, [replacePackages, packagesApart])],
  ['broker-web.cjs', bundle({entryPoints: ['src/broker/web/web-server.ts']}, [replacePackages])],
  ['page.html.br', page()],
  ['testing.cjs', bundle({entryPoints: ['src/testing/testing.ts']}, [replacePackages, packagesApart])],
  ['testing-node.cjs', bundle({entryPoints: ['src/testing/node.ts']}, [testingApart])],
  ['testing-vitest.mjs', bundle({entryPoints: ['src/testing/vitest.ts']}, [testingApart], 'esm')],
  ...seldomPackages.map(
    (name) =>
      /** @type {const} */ ([
        `package-${name}.cjs`,
        bundle({stdin: packageWithFile(name)}, [replacePackages]),
      ]),
  ),
];

// Each file is replaced in one step: what runs from dist/ meanwhile finds the old one or the new one.
const dist = join(root, 'dist');
mkdirSync(dist, {recursive: true});

/** @param {string} name @param {Uint8Array | string} contents */
function replace(name, contents) {
  const temporary = join(dist, `.${name}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, join(dist, name));
}

for (const [name, contents] of files) replace(name, await contents);
replace('THIRD-PARTY-NOTICES', thirdPartyNotices(root, packages));
writeDeclarations(root);
const built = new Set(['types', 'THIRD-PARTY-NOTICES', ...files.map(([name]) => name)]);
for (const name of readdirSync(dist)) {
  if (!built.has(name) && !name.startsWith('.')) rmSync(join(dist, name), {recursive: true});
}
