import { expect, it } from 'vitest'
import { UnsyncedChanges } from '../../../src/queue/file/unsynced-changes.ts'

const notSync = { isSync: false }
const isSync = { isSync: true }

it('holds a change for synced once a sync that began after its end has ended', async () => {
  const changes = new UnsyncedChanges()
  expect(changes.none).toBe(true)
  await changes.change(Promise.resolve(), notSync)
  expect(changes.none).toBe(false)
  await changes.sync(Promise.resolve())
  expect(changes.none).toBe(true)
})

it('does not take a sync for one of a change that ended, or began, after it had begun', async () => {
  const changes = new UnsyncedChanges()
  const write = Promise.withResolvers<void>()
  const sync = Promise.withResolvers<void>()
  const written = changes.change(write.promise, notSync)
  const synced = changes.sync(sync.promise)
  write.resolve()
  await written
  sync.resolve()
  await synced
  expect(changes.none).toBe(false)

  const slow = Promise.withResolvers<void>()
  const late = changes.sync(slow.promise)
  await changes.change(Promise.resolve(), notSync)
  slow.resolve()
  await late
  expect(changes.none).toBe(false)
})

it('takes a change that syncs itself for nothing more than that', async () => {
  const changes = new UnsyncedChanges()
  await changes.change(Promise.resolve(), isSync)
  expect(changes.none).toBe(true)
  await changes.change(Promise.resolve(), notSync)
  await changes.change(Promise.resolve(), isSync)
  expect(changes.none).toBe(false)
})

it('is never sure again after a failure of a change or a sync', async () => {
  for (const fail of ['change', 'sync'] as const) {
    const changes = new UnsyncedChanges()
    const failure = Promise.reject(new Error('no'))
    const failed = fail === 'sync' ? changes.sync(failure) : changes.change(failure, notSync)
    await expect(failed).rejects.toThrow('no')
    await changes.sync(Promise.resolve())
    expect(changes.none).toBe(false)
  }
})
