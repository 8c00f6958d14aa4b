import { stripVTControlCharacters } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { plainTable, Story, until } from '../src/index.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function listen(): string[] {
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(stripVTControlCharacters(line))
  })
  return lines
}

test('a story tells each line with its second, and what it means below', () => {
  const lines = listen()
  const story = new Story()
  story.say('bad', 'The broker dies.', 'Nobody is told.')
  expect(lines[0]).toMatch(/^ {4}\d\.\d s {2}✗ The broker dies\.$/)
  expect(lines[1]).toBe(`${' '.repeat(13)}Nobody is told.`)
})

test('a story shows figures as they are at that moment, until it is told to end', async () => {
  const lines = listen()
  const story = new Story()
  let count = 0
  story.watch(() => `${++count} written`, 5)
  await until('there are two', () => lines.length >= 2)
  story.end()
  expect(lines[1]).toContain('2 written')
  const shown = lines.length
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(lines).toHaveLength(shown)
})

test('a table sets figures to the right, and names to the left', () => {
  const rows = [
    ['a', 1_200],
    ['store', 7],
  ] as const
  expect(plainTable(['name', 'films'], rows).split('\n')).toEqual([
    '  name   films',
    '  ─────  ─────',
    '  a      1,200',
    '  store      7',
  ])
})

test('what never comes true is waited for in vain, and named', async () => {
  await expect(until('pigs fly', () => false, 30)).rejects.toThrow('in vain until pigs fly')
})
