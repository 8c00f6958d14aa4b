import { expect, test } from 'vitest'
import { KafkaJsHeaders } from '../../src/kafkajs/kafkajs-headers.ts'

const headers = new KafkaJsHeaders({
  title: Buffer.from('Notorious'),
  tags: [Buffer.from('first'), 'last'],
  gone: undefined,
})

test('headers of kafkajs are found by their names, the last one of those of one name', () => {
  expect(String(headers.get('title'))).toBe('Notorious')
  expect(String(headers.get('tags'))).toBe('last')
  expect(headers.has('title')).toBe(true)
})

test.each(['gone', 'missing', 'constructor', '__proto__', 'toString'])(
  'headers of kafkajs have none of the name %s',
  (name) => {
    expect(headers.get(name)).toBeUndefined()
    expect(headers.has(name)).toBe(false)
  },
)

test('headers of kafkajs can be gone through like those of a map', () => {
  const all = [
    ['title', 'Notorious'],
    ['tags', 'last'],
  ]
  expect([...headers].map(([name, bytes]) => [name, String(bytes)])).toEqual(all)
  expect([...headers.entries()].map(([name]) => name)).toEqual([...headers.keys()])
  expect([...headers.values()].map(String)).toEqual(['Notorious', 'last'])
  const visited: string[] = []
  headers.forEach((_, name) => void visited.push(name))
  expect(visited).toEqual(['title', 'tags'])
})
