import type {Row} from './expectation.ts';

export const rrRows: readonly Row[] = [];
