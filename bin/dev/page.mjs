/** Bundles src/page/ into one HTML file, compressed: scripts and styles are in it, and it loads nothing else. */

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {brotliCompressSync, constants} from 'node:zlib';
import {build} from 'esbuild';

/** @typedef {import('esbuild').Plugin} Plugin */
/** @typedef {import('esbuild').Metafile} Metafile */

/** Modules of MQTT.js for which browsers have something of their own. @type {Readonly<Record<string, string>>} */
const replacements = {
  debug: 'const silent=Object.assign(()=>{},{enabled:false,extend:()=>silent});module.exports=()=>silent',
  'rfdc/default': 'module.exports=structuredClone',
  // It keeps timers exact in hidden tabs by a worker, which the page's policy forbids.
  'worker-timers': ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout']
    .map((name) => `exports.${name}=(...words)=>${name}(...words)`)
    .join(';'),
  // For topic aliases, which the page does not use.
  'lru-cache': 'exports.LRUCache=class extends Map{constructor(){super()}}',
  ws: 'module.exports=WebSocket',
  // The other half of the package is not used.
  'readable-stream': ['Readable', 'Writable', 'Duplex', 'Transform', 'PassThrough']
    .map((name) => `exports.${name}=require('readable-stream/lib/internal/streams/${name.toLowerCase()}')`)
    .join(';'),
};

/** What MQTT.js takes to be global. */
const globals = "export {default as process} from 'process/browser.js';export {Buffer} from 'buffer/';";

/** @param {string} root @returns {Plugin} */
const forBrowser = (root) => ({
  name: 'for-browser',
  setup({onResolve, onLoad}) {
    onResolve({filter: new RegExp(`^(${Object.keys(replacements).join('|')})$`)}, ({path}) => ({
      path,
      namespace: 'replaced',
    }));
    onLoad({filter: /^/, namespace: 'replaced'}, ({path}) => ({
      contents: /** @type {string} */ (replacements[path]),
      resolveDir: root,
    }));
    onResolve({filter: /^(buffer|events|string_decoder)$/}, ({path, importer}) =>
      importer === '' ? undefined : {path: join(root, 'node_modules', path, packageMain(root, path))},
    );
    onResolve({filter: /^page-globals$/}, () => ({path: 'globals', namespace: 'globals'}));
    onLoad({filter: /^/, namespace: 'globals'}, () => ({contents: globals, resolveDir: root}));
    onLoad({filter: /[\\/]node_modules[\\/]mqtt[\\/]package\.json$/}, () => ({
      contents: '{}',
      loader: 'json',
    }));
  },
});

/** @param {string} root @param {string} name */
function packageMain(root, name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).main;
}

/**
 * The page, compressed by Brotli, and what it is made of.
 * @param {string} root @param {string} version @returns {Promise<{page: Uint8Array, metafile: Metafile}>}
 */
export async function buildPage(root, version) {
  const options = /** @type {const} */ ({
    absWorkingDir: root,
    write: false,
    bundle: true,
    minify: true,
    charset: 'utf8',
    // They are in THIRD-PARTY-NOTICES.
    legalComments: 'none',
    target: 'es2022',
    logLevel: 'warning',
  });
  const [script, style] = await Promise.all([
    build({
      ...options,
      entryPoints: ['src/page/main.tsx'],
      metafile: true,
      format: 'iife',
      platform: 'browser',
      mainFields: ['browser', 'module', 'main'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      inject: ['page-globals'],
      define: {global: 'globalThis', 'process.env.TMQ_VERSION': JSON.stringify(version)},
      plugins: [forBrowser(root)],
    }),
    build({...options, target: 'chrome123', entryPoints: ['src/page/page.css']}),
  ]);
  const [{text: code}] = /** @type {[import('esbuild').OutputFile]} */ (script.outputFiles);
  const [{text: css}] = /** @type {[import('esbuild').OutputFile]} */ (style.outputFiles);
  const html = readFileSync(join(root, 'src', 'page', 'page.html'), 'utf8')
    .replace('<style></style>', () => `<style>${css.trim()}</style>`)
    // Inside a script, this text would be its end.
    .replace(
      '<script></script>',
      () => `<script>${code.trim().replaceAll('</script', '<\\/script')}</script>`,
    );
  const params = {[constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: html.length};
  return {page: brotliCompressSync(html, {params}), metafile: script.metafile};
}
