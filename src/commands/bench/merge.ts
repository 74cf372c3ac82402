/** bench merge: reads reports, and makes one of them. */

import {readFile} from 'node:fs/promises';
import {fileError} from '../../errors.ts';
import {mergeReports, parseReport} from './report.ts';
import type {Ran} from './run.ts';

/** @throws TmqError for a file that cannot be read, or is no report; see `mergeReports` */
export async function mergeFiles(paths: readonly string[]): Promise<Ran> {
  const reports = await Promise.all(
    paths.map(async (path) => {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        throw fileError('report', path, error);
      }
      return parseReport(text, path);
    }),
  );
  return {report: mergeReports(reports, paths), failure: undefined};
}
