/**
 * The files that a broker writes beside its work: log, store and process id. A configuration from another machine
 * names places that are not here, such as those of a container: the broker then serves without them.
 */

import {accessSync, constants, existsSync} from 'node:fs';
import {dirname, resolve} from 'node:path';
import {fileError} from '../../errors.ts';
import type {BrokerConfig} from '../config/settings.ts';
import {logPath} from './log.ts';

/** A configuration without the places that cannot be written to, and a sentence about each of them. */
export interface WritablePlaces {
  readonly config: BrokerConfig;
  readonly problems: readonly string[];
}

/** Leaves out what cannot be written. A store that is there and cannot be written stays, for opening it to report. */
export function withWritablePlaces(config: BrokerConfig): WritablePlaces {
  const {log, persistence, pidFile, ...rest} = config;
  const problems: string[] = [];
  const isMissing = (path: string, role: string, consequence: string) => {
    const problem = problemOf(path, role);
    if (problem === undefined) return false;
    // The store is named in two parts, the place first.
    const named = [path, dirname(path)].map((each) => resolve(each));
    const where = [...config.origins].find(([value]) => named.includes(resolve(value)))?.[1];
    problems.push(`${where === undefined ? '' : `${where}: `}${problem} ${consequence}`);
    return true;
  };
  const logFile = logPath(log);
  const noLog = logFile !== undefined && isMissing(logFile, 'log file', 'The log goes to standard error.');
  const noStore =
    persistence !== undefined &&
    !existsSync(persistence.path) &&
    isMissing(persistence.path, 'store', 'Nothing outlives this run.');
  const noPid = pidFile !== undefined && isMissing(pidFile, 'pid_file', 'There will be none.');
  const destinations = log.destinations.filter((each) => !each.startsWith('file '));
  return {
    problems,
    config: {
      ...rest,
      log: noLog ? {...log, destinations: [...destinations, 'stderr']} : log,
      ...(persistence === undefined || noStore ? {} : {persistence}),
      ...(pidFile === undefined || noPid ? {} : {pidFile}),
    },
  };
}

/** Why the file can be neither written nor made; undefined: it can. */
function problemOf(path: string, role: string): string | undefined {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
    return undefined;
  } catch (error) {
    return fileError(role, path, error, 'write').message;
  }
}
