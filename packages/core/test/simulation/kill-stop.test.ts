import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { TestProcess } from './kill-process.ts'

const script = join(import.meta.dirname, 'kill-stop-child.ts')

function start(directory: string, name: string): TestProcess {
  const child = new TestProcess(script, { directory, name })
  onTestFinished(() => child.kill('SIGKILL'))
  return child
}

function written({ lines }: TestProcess): string[] {
  return lines.flatMap((line) => (line.startsWith('written ') ? [line.slice(8)] : []))
}

async function stored(directory: string): Promise<string[]> {
  return (await readFile(join(directory, 'store'), 'utf8')).split('\n').slice(0, -1)
}

async function expectRefused(directory: string, owner: TestProcess): Promise<void> {
  const other = start(directory, 'other')
  const refusal = await other.line('refused')
  expect(refusal).toContain('ERR_DIRECTORY_IN_USE')
  expect(refusal).toContain(`process ${owner.pid} `)
  expect(await other.ended).toMatchObject({ code: 0, complaints: '' })
}

/** It ends cleanly, and everything it wrote has been delivered once, in order. */
async function expectUnharmed(directory: string, owner: TestProcess): Promise<void> {
  owner.kill('SIGTERM')
  expect(await owner.ended).toMatchObject({ code: 0, complaints: '' })
  expect(owner.lines.filter((line) => line.startsWith('error'))).toEqual([])
  expect(await stored(directory)).toEqual(written(owner))
}

describe('a process that stands still while it owns a directory', () => {
  it('keeps it from another process, and goes on unharmed', async () => {
    const directory = await temporaryDirectory()
    const owner = start(directory, 'owner')
    await owner.line('written owner 20')
    owner.kill('SIGSTOP')
    for (let attempt = 0; attempt < 2; attempt++) await expectRefused(directory, owner)
    const before = written(owner).length
    owner.kill('SIGCONT')
    await owner.line(`written owner ${before + 20}`)
    await expectUnharmed(directory, owner)
  })

  it('keeps it also while its event loop is blocked', async () => {
    const directory = await temporaryDirectory()
    const owner = start(directory, 'owner')
    await owner.line('written owner 20')
    owner.kill('SIGUSR2')
    await owner.line('blocked')
    await expectRefused(directory, owner)
    expect(owner.lines).not.toContain('unblocked')
    await writeFile(join(directory, 'unblock'), '')
    await owner.line('unblocked')
    await expectUnharmed(directory, owner)
  })

  it('loses it by being killed, to the next one that asks', async () => {
    const directory = await temporaryDirectory()
    const owner = start(directory, 'owner')
    await owner.line('written owner 20')
    owner.kill('SIGSTOP')
    owner.kill('SIGKILL')
    await owner.ended
    const heir = start(directory, 'heir')
    await heir.line('written heir 20')
    heir.kill('SIGTERM')
    expect(await heir.ended).toMatchObject({ code: 0, complaints: '' })
    const all = [...new Set(await stored(directory))]
    const ofOwner = all.filter((line) => line.startsWith('owner'))
    expect(ofOwner.slice(0, written(owner).length)).toEqual(written(owner))
    expect(all).toEqual([...ofOwner, ...written(heir)])
  })
})
