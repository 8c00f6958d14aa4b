import { posix } from 'node:path'
import ts from 'typescript'
import { type Files, type Finding, finding, type Rule, select } from '../rule.ts'

// What may import what, in packages/core/src (every folder is a stage, or `config` or `persona`):
//
//   wal, namespace, index …   (files directly in src: the assembly) everything but testing
//   a stage, persona          its own folder, config, the foundation, the stages' interface files
//   config                    its own folder, the foundation, the interface files
//   foundation                (record, errors, clock …) itself, and the interface files
//   testing                   everything; nobody imports it

/** The files through which stages know each other: types and contracts, no implementation. */
const interfaceFiles = new Set([
  'producer/producer.ts',
  'producer/receipt.ts',
  'producer/write-input.ts',
  'queue/queue.ts',
  'queue/past.ts',
  'consumer/consumer.ts',
  'target/target.ts',
  'dlq/dlq.ts',
  'dlq/dead-letter.ts',
  'transaction/transaction-source.ts',
  'transaction/transaction-store.ts',
])

/** Files directly in src that every other may know; what else lies there puts the stages together. */
const foundation = new Set([
  'clock.ts',
  'close-all.ts',
  'codec.ts',
  'connection-errors.ts',
  'error-text.ts',
  'errors.ts',
  'event-loop-lag.ts',
  'events.ts',
  'random.ts',
  'heap.ts',
  'record-id.ts',
  'record.ts',
  'settle-some.ts',
  'ahead-versions.ts',
  'version.ts',
])

/**
 * Pairs that cross stages all the same: dead letters live where their queue lives, so a queue opens
 * that DLQ, and the two share one format on disk.
 */
const pairs: readonly (readonly [RegExp, RegExp])[] = [
  [/^queue\/memory-queue\.ts$/, /^dlq\/memory-dlq\.ts$/],
  [/^queue\/file\/file-queue[a-z-]*\.ts$/, /^dlq\/file-dlq\.ts$/],
  // So do transactions.
  [/^queue\/memory-queue\.ts$/, /^transaction\/memory-transactions\.ts$/],
  [/^queue\/file\/file-queue[a-z-]*\.ts$/, /^transaction\/file-transactions\.ts$/],
  [/^transaction\/file-[a-z-]+\.ts$/, /^queue\/file\//],
  // The mutations of a transaction have the form of records in the log.
  [/^transaction\/mutation-format\.ts$/, /^queue\/file\/record-format\.ts$/],
  [/^queue\/file\/inspect\//, /^transaction\/file-[a-z-]+\.ts$/],
  [/^queue\/file\/inspect\//, /^dlq\/file-[a-z-]+\.ts$/],
  [/^dlq\/file-[a-z-]+\.ts$/, /^queue\/file\//],
]

/** The packages core stands on. Another one needs a reason, and its line here. */
const coreDependencies = ['@standard-schema/spec', 'eventemitter3', 'p-retry', 'valibot']

const coreSources = 'packages/core/src/'

/** Imports point one way: no stage knows another's implementation, no adapter knows core's insides. */
export const importDirection: Rule = (files: Files): readonly Finding[] =>
  select(files, /^(packages|examples)\/[^/]+\/.*\.ts$/).flatMap(([path, text]) =>
    ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName, pos }) => {
      const objection = path.startsWith('packages/core/')
        ? objectionInCore(path, fileName)
        : objectionOutside(path, fileName)
      return objection === undefined ? [] : [finding(path, text, pos, `imports ${objection}`)]
    }),
  )

function objectionInCore(path: string, specifier: string): string | undefined {
  if (!path.startsWith(coreSources)) return undefined // its tests look where they must
  const from = path.slice(coreSources.length)
  if (!specifier.startsWith('.')) return objectionToPackage(from, specifier)
  const to = resolve(from, specifier)
  if (to.startsWith('..')) return `${specifier}, outside of src`
  const [fromPlace, toPlace] = [place(from), place(to)]
  if (fromPlace === 'testing') return undefined
  if (toPlace === 'testing') return `${to}: the library does not know its testing tools`
  if (fromPlace === 'assembly' || fromPlace === toPlace || interfaceFiles.has(to)) return undefined
  if (toPlace === 'assembly') return `${to}, which stands above it`
  if (toPlace === 'foundation') return undefined
  if (toPlace === 'config' && fromPlace !== 'foundation') return undefined
  if (pairs.some(([a, b]) => a.test(from) && b.test(to))) return undefined
  return `${to}: ${fromPlace} may import only the interface file of ${toPlace}`
}

function objectionToPackage(from: string, specifier: string): string | undefined {
  const name = packageName(specifier)
  if (specifier.startsWith('node:') || coreDependencies.includes(name)) return undefined
  if (place(from) === 'testing' && name === 'vitest') return undefined
  return `${name}: core stands on Node, ${coreDependencies.join(', ')}, and on no vendor's package`
}

function objectionOutside(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    const to = resolve(path, specifier)
    const own = path.split('/', 2).join('/')
    // How it is built is the same for all packages.
    if (path === `${own}/tsup.config.ts` && to === 'tsup.base.ts') return undefined
    // What every suite needs, whichever package it belongs to.
    if (path.startsWith(`${own}/test/`) && to.startsWith('tests/support/')) return undefined
    return to.startsWith(`${own}/`) ? undefined : `${to}, outside of its package`
  }
  if (packageName(specifier) !== '@daybook/core') return undefined
  if (['@daybook/core', '@daybook/core/testing'].includes(specifier)) return undefined
  return `${specifier}: it may use only core's public entry points`
}

/** Where a file stands, by its path in core's src. */
function place(path: string): string {
  if (path.includes('/')) return path.slice(0, path.indexOf('/'))
  return foundation.has(path) ? 'foundation' : 'assembly'
}

function resolve(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier))
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
