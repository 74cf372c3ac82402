import type {Row} from './expectation.ts';

export const subRows: readonly Row[] = [];
