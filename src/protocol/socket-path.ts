/** What a path must be to be that of a local socket: a unix socket, or on Windows a named pipe. */

/** The most bytes of a path, without its final NUL [unix(7): sun_path]; elsewhere, as on macOS, there are 104. */
const longest = (platform: NodeJS.Platform) => (platform === 'linux' ? 107 : 103);

/** Why this path cannot be one, as a sentence; undefined if it can. */
export function socketPathProblem(path: string, platform: NodeJS.Platform): string | undefined {
  if (path === '') return 'The path of the unix socket is empty.';
  if (platform === 'win32') {
    if (/^[\\/]{2}[.?][\\/]pipe[\\/]./i.test(path)) return undefined;
    return `${path} cannot be a socket on Windows: give a named pipe, such as \\\\.\\pipe\\mqtt.`;
  }
  const length = Buffer.byteLength(path);
  if (length <= longest(platform)) return undefined;
  return `The unix socket path ${path} is too long: ${length} bytes, ${longest(platform)} are allowed.`;
}
