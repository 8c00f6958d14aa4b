import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createWal, fileQueue } from '../../src/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { TestProcess } from '../simulation/kill-process.ts'
import type { DirectoryAnswer, DirectoryTask } from './directory-child.ts'
import { expectDelivered, openFilms, storedTitles, storeFilms } from './support/films-wal.ts'

const script = join(import.meta.dirname, 'directory-child.ts')

/** The user without rights that every Linux has; only a superuser needs it. */
const nobody: { readonly user?: number } = process.getuid?.() === 0 ? { user: 65_534 } : {}

async function openElsewhere(task: DirectoryTask): Promise<readonly DirectoryAnswer[]> {
  const child = new TestProcess(script, task, { longestLifeMs: 8000 })
  expect(await child.ended).toMatchObject({ code: 0, complaints: '' })
  return JSON.parse((await child.line('answer'))?.slice('answer'.length) ?? '')
}

/** A log with a part to which its owner, who is nobody special, has no right. */
async function forbiddenLog(part: string) {
  const directory = await temporaryDirectory()
  await storeFilms(directory)
  const contents = await contentsOf(directory)
  if (nobody.user !== undefined) await giveTo(nobody.user, directory)
  const path = join(directory, part)
  const { mode } = await stat(path)
  await chmod(path, 0o000)
  return { directory, path, mode, contents }
}

/** Makes the user the owner of everything there. */
async function giveTo(user: number, directory: string): Promise<void> {
  await chown(directory, user, user)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), user, user)
  }
}

describe('a directory without permission', () => {
  it('is refused by its path where it cannot be made, and nothing is left behind', async () => {
    const parent = await temporaryDirectory()
    await chmod(parent, 0o555)
    const directory = join(parent, 'wal')
    expect(await openElsewhere({ directories: [directory], ...nobody })).toEqual([
      {
        code: 'ERR_DIRECTORY_DENIED',
        message: expect.stringContaining(directory),
        retryable: false,
      },
    ])
    expect(await readdir(parent)).toEqual([])
  })

  it('is refused where it is a log, whatever part of it is forbidden, and all of it stays', async () => {
    const parts = [
      '.',
      'films',
      'films/owner.json',
      'films/segments',
      'films/segments/000000000001.segment',
      'films/cursors',
      'films/cursors/store.cursor',
      'films/dead-letters',
      'films/dead-letters/letters.journal',
    ]
    const logs = await Promise.all(parts.map(forbiddenLog))
    const directories = logs.map(({ directory }) => directory)
    const answers = await openElsewhere({ directories, ...nobody })
    expect(answers).toEqual(
      logs.map(({ path }) => ({
        code: 'ERR_DIRECTORY_DENIED',
        message: expect.stringContaining(path),
        retryable: false,
      })),
    )
    for (const { directory, path, mode, contents } of logs) {
      await chmod(path, mode)
      expect(await contentsOf(directory)).toEqual(contents)
      const { wal } = await openFilms(directory)
      await expectDelivered(wal, directory, storedTitles)
    }
  })

  it('is private to its owner to begin with, and so is each file in it', async () => {
    const directory = join(await temporaryDirectory(), 'wal')
    await storeFilms(directory)
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      expect(`${entry.name} ${(mode & 0o777).toString(8)}`).toBe(
        `${entry.name} ${entry.isDirectory() ? '700' : '600'}`,
      )
    }
  })
})

describe('a directory where none can be', () => {
  it('is refused where nothing can be made', async () => {
    const directories = [
      join(await temporaryDirectory(), 'x'.repeat(300)),
      ...(process.platform === 'linux' ? ['/dev/null/wal', '/proc/none/wal'] : []),
    ]
    const answers = await openElsewhere({ directories })
    expect(answers).toEqual(
      directories.map((directory) => ({
        code: 'ERR_DIRECTORY_UNSUITABLE',
        message: expect.stringContaining(directory),
        retryable: false,
      })),
    )
  })
})

describe('a directory in use', () => {
  it('is refused by naming its holder, who notices nothing', async () => {
    const directory = await temporaryDirectory()
    await storeFilms(directory)
    const { wal, films } = await openFilms(directory)
    expect(await openElsewhere({ directories: [directory] })).toEqual([
      {
        code: 'ERR_DIRECTORY_IN_USE',
        message: expect.stringContaining(`process ${process.pid} `),
        retryable: true,
      },
    ])
    await films.write({ key: 'Psycho', payload: { title: 'Psycho' } })
    await wal.close()
    expect(await openElsewhere({ directories: [directory] })).toEqual(['open'])
    await expectDelivered(wal, directory, [...storedTitles, 'Psycho'])
  })

  it('is refused to a second namespace of the same wal, and given up by the first', async () => {
    const directory = await temporaryDirectory()
    await storeFilms(directory)
    const queue = () => fileQueue({ directory: join(directory, 'films') })
    const targets = { store: async () => {} }
    const namespaces = { films: { queue: queue(), targets }, again: { queue: queue(), targets } }
    await expect(createWal({ namespaces })).rejects.toMatchObject({
      code: 'ERR_DIRECTORY_IN_USE',
    })
    const { wal } = await openFilms(directory)
    await expectDelivered(wal, directory, storedTitles)
  })
})

describe('a file where a directory should be', () => {
  it.each(['.', 'films', 'films/segments', 'films/cursors', 'films/dead-letters'])(
    'is refused and left alone: %s',
    async (part) => {
      const directory = join(await temporaryDirectory(), 'wal')
      const path = join(directory, part)
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, 'somebody needs this')
      await expect(openFilms(directory)).rejects.toMatchObject({
        code: 'ERR_DIRECTORY_UNSUITABLE',
        message: expect.stringContaining(path),
        retryable: false,
      })
      expect(await readFile(path, 'utf8')).toBe('somebody needs this')
    },
  )

  it('does not harm the namespaces beside it', async () => {
    const directory = await temporaryDirectory()
    await storeFilms(directory)
    await writeFile(join(directory, 'people'), '')
    const targets = { store: async () => {} }
    const namespaces = { films: { targets }, people: { targets } }
    await expect(createWal({ directory, namespaces })).rejects.toMatchObject({
      code: 'ERR_DIRECTORY_UNSUITABLE',
    })
    const { wal } = await openFilms(directory)
    await expectDelivered(wal, directory, storedTitles)
  })
})

/** Every file beneath but the owner's, which is written at each opening. */
async function contentsOf(directory: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {}
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'owner.json') continue
    const path = join(entry.parentPath, entry.name)
    contents[path] = (await readFile(path)).toString('base64')
  }
  return contents
}
