/** Where the program of a thread is. The build has dist/thread-load.cjs in its place. */

export const file: string | URL = new URL('./worker.ts', import.meta.url);
