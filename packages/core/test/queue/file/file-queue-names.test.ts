import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fileNameOf } from '../../../src/queue/file/file-queue-names.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** Names likely to come near each other: few characters, and all that mean something to a system. */
const hostile = fc
  .array(fc.constantFrom('a', 'A', '.', '/', '\\', '%', '2', 'e', '~', ':', ' ', '\0', 'é', 'É'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((characters) => characters.join(''))

describe('fileNameOf', () => {
  it('keeps plain names as they are', () => {
    for (const name of ['titles', 'stream-cleanup', 'media.titles', 'a_1']) {
      expect(fileNameOf(name)).toBe(name)
    }
  })

  it('leads out of no directory, whatever the name', () => {
    for (const name of [
      '.',
      '..',
      '../x',
      '/etc/passwd',
      'a/b',
      'a\\b',
      'C:',
      '\0',
      'x.',
      '.hidden',
    ]) {
      const encoded = fileNameOf(name)
      expect(encoded).toMatch(/^[a-z0-9_%~-]([a-z0-9_.%~-]*[a-z0-9_%~-])?$/)
      expect(encoded).not.toBe('.')
      expect(encoded).not.toBe('..')
    }
  })

  it('gives no two names one file, also where case does not count', () => {
    const property = fc.property(hostile, hostile, (one, other) => {
      fc.pre(one !== other)
      expect(fileNameOf(one).toLowerCase()).not.toBe(fileNameOf(other).toLowerCase())
    })
    fc.assert(property, { seed, numRuns: 3000 })
  })

  it('tells names apart that differ only in case, accents or length', () => {
    const names = ['Titles', 'titles', 'TITLES', 'é', 'e\u0301', 'x'.repeat(300), 'x'.repeat(301)]
    expect(new Set(names.map((name) => fileNameOf(name).toLowerCase())).size).toBe(names.length)
    for (const name of names) expect(fileNameOf(name).length).toBeLessThanOrEqual(200)
  })

  it('does not take a long name for another that ends in its hash', () => {
    const long = fileNameOf('x'.repeat(300))
    expect(fileNameOf(long)).not.toBe(long)
  })

  it('avoids the device names of Windows', () => {
    for (const name of ['con', 'nul', 'com1', 'aux.cursor']) {
      expect(fileNameOf(name)).not.toMatch(/^(con|nul|com1|aux)/)
    }
    expect(fileNameOf('console')).toBe('console')
  })

  it('refuses what is no text', () => {
    for (const name of ['', '\ud800', 'a\udc00']) {
      expect(() => fileNameOf(name)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
    }
  })
})
