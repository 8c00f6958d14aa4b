import { describe, expect, test } from 'vitest'
import { importDirection } from './import-direction.ts'

/** What the rule says of one file that imports one thing. */
function check(path: string, specifier: string): readonly string[] {
  return importDirection(new Map([[path, `\nimport { a } from '${specifier}'\n`]]))
}

describe('import direction', () => {
  test.each([
    ['a stage imports another implementation', 'delivery/lane.ts', '../queue/memory-queue.ts'],
    ['a stage imports wal', 'delivery/lane.ts', '../wal.ts'],
    ['a queue imports the delivery', 'queue/file/log.ts', '../../delivery/lane.ts'],
    ['config imports a stage', 'config/options.ts', '../producer/queue-producer.ts'],
    ['the foundation imports config', 'record.ts', './config/options.ts'],
    ['the foundation imports a stage', 'clock.ts', './delivery/lane.ts'],
    ['a stage imports a persona', 'delivery/lane.ts', '../persona/fan-out.ts'],
    ['a queue imports the DLQ of another', 'queue/memory-queue.ts', '../dlq/file-dlq.ts'],
    ['the library imports its testing tools', 'wal.ts', './testing/virtual-clock.ts'],
    ['a file leaves src', 'queue/queue.ts', '../../test/helper.ts'],
    ['core imports a vendor', 'queue/kafka.ts', 'kafkajs'],
    ['core imports a scoped vendor', 'queue/sqs.ts', '@aws-sdk/client-sqs'],
    ['the library imports vitest', 'wal.ts', 'vitest'],
  ])('objects where %s', (_, path, specifier) => {
    const findings = check(`packages/core/src/${path}`, specifier)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatch(new RegExp(`^packages/core/src/${path}:2: imports `))
  })

  test.each([
    ['its own folder', 'delivery/lane.ts', './attempt.ts'],
    ['an interface file', 'delivery/lane.ts', '../queue/queue.ts'],
    ['the foundation', 'queue/file/log.ts', '../../record.ts'],
    ['config', 'producer/write-input.ts', '../config/quantity.ts'],
    ['everything, from wal', 'wal.ts', './delivery/lane.ts'],
    ['its own DLQ, from a queue', 'queue/memory-queue.ts', '../dlq/memory-dlq.ts'],
    ['Node', 'clock.ts', 'node:timers'],
    ['a dependency of core', 'events.ts', 'eventemitter3'],
    ['vitest, from the testing tools', 'testing/suite.ts', 'vitest'],
  ])('allows %s', (_, path, specifier) => {
    expect(check(`packages/core/src/${path}`, specifier)).toEqual([])
  })

  test('keeps adapters and examples to the public entry points', () => {
    const adapter = 'packages/adapter-kafka/src/kafka-queue.ts'
    expect(check(adapter, '@daybook/core')).toEqual([])
    expect(check(adapter, '@daybook/core/testing')).toEqual([])
    expect(check(adapter, './kafka-client.ts')).toEqual([])
    expect(check(adapter, 'kafkajs')).toEqual([])
    expect(check(adapter, '@daybook/core/dist/wal.js')).toHaveLength(1)
    expect(check(adapter, '../../core/src/wal.ts')).toHaveLength(1)
    expect(
      check('examples/quickstart/src/main.ts', '../../../packages/core/src/wal.ts'),
    ).toHaveLength(1)
  })

  test('lets the tests of a package, and nothing else of it, use the support of all suites', () => {
    const support = '../../../tests/support/expect-kept.ts'
    expect(check('packages/adapter-kafka/test/a.test.ts', support)).toEqual([])
    expect(check('packages/adapter-kafka/src/a.ts', support)).toHaveLength(1)
    const rules = '../../../tests/tidy/rule.ts'
    expect(check('packages/adapter-kafka/test/a.test.ts', rules)).toHaveLength(1)
  })

  test('sees type imports, re-exports and dynamic imports too', () => {
    const path = 'packages/core/src/delivery/lane.ts'
    for (const text of [
      "import type { A } from '../wal.ts'",
      "export { a } from '../wal.ts'",
      "export * from '../wal.ts'",
      "const a = await import('../wal.ts')",
    ]) {
      expect(importDirection(new Map([[path, text]])), text).toHaveLength(1)
    }
  })
})
