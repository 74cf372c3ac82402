import type {Row} from './expectation.ts';

export const resultRows: readonly Row[] = [];
