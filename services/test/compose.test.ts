import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageDirectory } from '../src/paths.ts'
import { serverNames, servers } from '../src/servers/index.ts'
import { brokerSettings } from '../src/servers/kafka-settings.ts'

interface ComposeService {
  readonly image: string
  readonly ports: readonly string[]
  readonly environment?: Readonly<Record<string, unknown>>
}

const { services } = parse(readFileSync(join(packageDirectory, 'compose.yaml'), 'utf8')) as {
  readonly services: Readonly<Record<string, ComposeService>>
}

test('Docker runs every server', () => {
  expect(Object.keys(services)).toEqual(serverNames)
})

test.each(serverNames)(
  'Docker runs %s at its port of the loopback address, and no other',
  (name) => {
    const port = `\${DAYBOOK_${name.toUpperCase()}_PORT:-${servers[name].ports.client}}`
    const mappings = services[name]?.ports ?? []
    expect(mappings).toHaveLength(1)
    expect(mappings[0]?.startsWith(`127.0.0.1:${port}:`)).toBe(true)
  },
)

test.each(serverNames)('Docker runs %s in the version that is tried', (name) => {
  const [, version = 'none'] = services[name]?.image.split(':') ?? []
  const said = servers[name].jars?.artifacts[0] ?? servers[name].about
  expect(said).toContain(version)
})

test('Docker runs Kafka with the same settings', () => {
  const environment = services['kafka']?.environment ?? {}
  for (const [name, value] of Object.entries(brokerSettings)) {
    const variable = `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`
    if (name !== 'log.dirs') expect(environment, name).toHaveProperty(variable, value)
  }
})
