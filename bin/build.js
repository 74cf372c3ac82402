/** Bundles src/ into dist/: one entry, split so that each command loads only what it needs. */

import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {build} from 'esbuild';

const root = join(import.meta.dirname, '..');
const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

rmSync(join(root, 'dist'), {recursive: true, force: true});
await build({
  absWorkingDir: root,
  entryPoints: {main: 'src/main.ts'},
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minify: true,
  keepNames: true,
  define: {'process.env.TMQ_VERSION': JSON.stringify(version)},
  // Bundled CommonJS packages call require for node's own modules.
  banner: {
    js: "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);",
  },
  // An optional native accelerator of ws, which works without.
  external: ['bufferutil', 'utf-8-validate'],
  logLevel: 'warning',
});
