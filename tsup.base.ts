import { defineConfig, type Options } from 'tsup'

/**
 * How every package of this workspace is built: ESM for Node 22 and later, one bundle per entry with
 * the shared code in common chunks (so that each class exists once), declarations and source maps.
 */
export function library(entry: Record<string, string>): ReturnType<typeof defineConfig> {
  const options: Options = {
    entry,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    splitting: true,
    treeshake: false,
    dts: true,
    sourcemap: true,
    clean: true,
    // `node:sqlite` and `node:test` exist only under their prefix.
    removeNodeProtocol: false,
  }
  return defineConfig(options)
}
