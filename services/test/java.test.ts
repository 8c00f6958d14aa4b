import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { java } from '../src/needs/java.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-java-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

/** A home as installers lay it out, of a version that no machine has. */
function install(version: string, ...programs: readonly string[]): string {
  const home = join(directory, version)
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'release'), `IMPLEMENTOR="any"\nJAVA_VERSION="${version}"\n`)
  for (const program of programs) {
    writeFileSync(join(home, 'bin', program), '')
    chmodSync(join(home, 'bin', program), 0o755)
  }
  vi.stubEnv('JAVA_HOME', home)
  return home
}

test('a Java is found by JAVA_HOME where its version is right', () => {
  const home = install('907.0.15', 'java')
  expect(java({ from: 907, to: 907 }).find()).toBe(home)
  expect(java({ from: 907 }).find()).toBe(home)
  expect(java({ from: 906, to: 906 }).find()).toBeUndefined()
  expect(java({ from: 908 }).find()).toBeUndefined()
})

test('a Java without a compiler is no JDK', () => {
  install('907', 'java')
  expect(java({ from: 907, compiler: true }).find()).toBeUndefined()
  const jdk = install('908', 'java', 'javac')
  expect(java({ from: 907, compiler: true }).find()).toBe(jdk)
})

test('a Java that is missing is named as a person would, with the command that gets it', () => {
  expect(java({ from: 17, to: 17 })).toMatchObject({
    what: 'Java 17',
    remedy: expect.stringMatching(/apt-get install .*openjdk-17-jre-headless/),
  })
  expect(java({ from: 21, compiler: true }).what).toBe('a JDK (21 or newer)')
})
