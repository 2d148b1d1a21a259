/**
 * Payloads of DUMP in every form that Redis 7.0.15 writes or reads, with the digests that its DEBUG DIGEST-VALUE gave for
 * them. Those of forms that only older versions wrote were put together by hand, and taken by its RESTORE.
 *
 * Only used by tests.
 */

export interface RecordedPayload {
  readonly name: string
  /** In base64. */
  readonly payload: string
  readonly digest: string
}

export const recordedPayloads: readonly RecordedPayload[] = [
  {
    name: 'string',
    payload: 'AAtoZWxsbyB3b3JsZAoAC/xJuabHoDQ=',
    digest: '19bfad8f2007c7c5d8559839d8798339f62ccc52',
  },
  {
    name: 'string, integer of 8 bits',
    payload: 'AMD5CgBeJtEw16JCqw==',
    digest: '220f87802dc1eca9ffb9dd7f52e30f559e135f81',
  },
  {
    name: 'string, integer of 16 bits',
    payload: 'AMFI9AoAbsC0IxTNafc=',
    digest: '7b627307812bbb366e988f4a76b4cba6d930f305',
  },
  {
    name: 'string, integer of 32 bits',
    payload: 'AML///9/CgAsdOWe4C6toQ==',
    digest: 'debab366b71f49b82d52281d5c246343c3c42882',
  },
  {
    name: 'string, compressed',
    payload: 'AMMaQSwDYWJjYWACACCABiAF4P8JIQogAuEADQFjIAoAuZT5LwaJtsA=',
    digest: 'd476814f7918e2a99648390553a298891f11c26f',
  },
  {
    name: 'list, quicklist2',
    payload: 'EgECwydAhBGEAAAABgCBYQIBAfKQ7v4E9P+AAAp/CYAB4GRsb25nIOBWBAFm/woA+RtO7iL3rFw=',
    digest: '1082cef442bbd53c835fb5a1ba195a50192925d3',
  },
  {
    name: 'list, quicklist2 with a plain piece',
    payload: 'EgMCCgoAAAABAIF4Av8BwwlAlgFwcOCJAAFwcAIKCgAAAAEAgXkC/woAX9IYAeq/O0A=',
    digest: 'f46a4e3584eb59244e556e0aaf334d552454099a',
  },
  {
    name: 'list, quicklist2 of many pieces',
    payload:
      'EgcCwx4oECgAAAADAIllbGVtZW50IDAK4AAKADHgAQoCMgr/AsMeKBAoAAAAAwCJZWxlbWVudCAzCuAACgA04AEKAjUK/wLDHigQKAAAAAMAiWVsZW1lbnQgNgrgAAoAN+ABCgI4Cv8CwyAqESoAAAADAIllbGVtZW50IDkKisAKAjEwC+ABCwIxC/8Cwx8rESsAAAADAIplbGVtZW50IDEyC+ABCwAz4AILAjQL/wLDHysRKwAAAAMAimVsZW1lbnQgMTUL4AELADbgAgsCNwv/AsMaHxEfAAAAAgCKZWxlbWVudCAxOAvgAQsCOQv/CgBtSpJPtHadmQ==',
    digest: 'a4f4292874fd6a349c357921dcfff82eca8aeef9',
  },
  {
    name: 'list, ziplist',
    payload:
      'CkHGxgEAALwBAAARAAABYQP2AvEC/QL+DQP+/wP+fwPAgAAEwNT+BPBwEQEF8AAAgAXQ////fwbgAQAAAAAAIAAKBHRleHQGQEZ3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3SUEseHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4/i8BAAADZW5k/wkANSZucnriZJo=',
    digest: '6b376981186905f32ee01b3c1b93230d190fdc8f',
  },
  {
    name: 'list, quicklist',
    payload: 'DgIQEAAAAA0AAAACAAABYQPy/xUVAAAADwAAAAMAAPMCAWIDAzEyeP8JAD7CKTTn3gd0',
    digest: '2ebd5dc25ddaa1446ab3f65e019f1f28ce250f05',
  },
  {
    name: 'list',
    payload: 'AQMDb25lATLAAwYAoDzYSkirAZc=',
    digest: 'a1eeb2d90d5e3c8f3a40dfed9718505215013176',
  },
  {
    name: 'set',
    payload: 'AgQBYsMJHgF4eOARAAF4eMAMAWEKAL6knu2N3bY/',
    digest: 'fb6f63ec3c1076d05d24b4b950be50cf23f82543',
  },
  {
    name: 'set, intset of 16 bits',
    payload: 'Cw4CAAAAAwAAAPv/AQAsAQoAD196jrWUCdI=',
    digest: '11b5fb7d4cf5c7b10c5be214fc76a5083c758810',
  },
  {
    name: 'set, intset of 64 bits',
    payload: 'C8MUIAQIAAAAAyADoAABgAGgCIAHASAACgAgPKrzqq/i8A==',
    digest: '846a9c10547022edd6acbee6950e5cddcd518d8c',
  },
  {
    name: 'zset, listpack',
    payload: 'EcM1PR89AAAACgCBYwKELWluZgWBYQIBAYFiAoMyLjUEBwEDAQaBZAKXMS4w4AUABzFlKzMwMBj/CgDRdWrT4xapXQ==',
    digest: '76d5dfb73aab9ee378089b0c9c1f2fc05ca8f3fc',
  },
  {
    name: 'zset',
    payload: 'BQQBYwAAAAAAAPB/AWIAAAAAAAAEQAFhAAAAAAAA8D8BZJqZmZmZmbm/CgCHX8k+IiKr2Q==',
    digest: 'c682fe04480aaee7e02d0d88ed1f9c03603d5919',
  },
  {
    name: 'zset with scores as text',
    payload: 'AwQBYQExAWIELTIuNQFj/gFk/wYAtxiEHvDl3ZY=',
    digest: '8d3fcb1f1e0b3525c2549b3973e4fe1fb552fb36',
  },
  {
    name: 'zset, ziplist',
    payload: 'DCcnAAAAIgAAAAgAAANsb3cF/v0DAWED8gIBYgMDMi41Bf5NA8DoA/8JADlJvap2urzR',
    digest: '8d7511d7d026eb941ac18f3deef98ba4ea564bd5',
  },
  {
    name: 'hash, listpack',
    payload: 'EMMgQFYYVgAAAAYAgWYCgXYCgW4CAQGEbG9uZwW8euAyAAE9/woAv7h9WHjF67E=',
    digest: 'b0974cec23b573b952ca295572ce1c6ce1520452',
  },
  {
    name: 'hash',
    payload: 'BAMBbsABAWYBdgRsb25nwwlAQQF6euA0AAF6egoA23Tg3N39UL0=',
    digest: '86e18cc8c2ca293dc370f7957fb21bcf89686fc5',
  },
  {
    name: 'hash, ziplist',
    payload: 'DSEhAAAAGAAAAAYAAAFmAwF2AwFuA/0C/mMDBm51bWJlcv8JAFG5g5dMkZuS',
    digest: 'c98c93705b08014005f8a145414bd8f3146978f5',
  },
  {
    name: 'hash, zipmap',
    payload:
      'CUEuBAFmBQB2YWx1ZQFnBQNvdGhlci4uLgAFAGVtcHR5BGxvbmf+BAEAAABsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbP8DAHxv5+p6bOVJ',
    digest: '7ab66ab1acd02e0e8a25dc86ecf219561b0ac66f',
  },
  {
    name: 'stream',
    payload:
      'EwEQAAAAAAAAAAEAAAAAAAAAAUBRUQAAAB8AAwEBAQIBgWYCgWcCAAECAQABAAEBAQIBBQEDAQABBAECAYF4AgUBAAEGAd//AgEBhW90aGVyBgMBBgECAd/+AgQBgWECgWICBQH/A4H//////////wUBAQEFBAIFZ3JvdXCB//////////8FBAMAAAAAAAAAAQAAAAAAAAABoiK7A6IBAAABAAAAAAAAAAcAAAAAAAAAAKIiuwOiAQAAAf//////////AAAAAAAAAAWiIrsDogEAAAECBWFsaWNloiK7A6IBAAACAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAHAAAAAAAAAAADYm9ioiK7A6IBAAAB//////////8AAAAAAAAABQRpZGxlBwCB//////////8AAAoA8k8vtP+c1Jg=',
    digest: 'ab22dbc050ae5656892db17af05f269066cc9c94',
  },
  {
    name: 'stream, empty',
    payload: 'EwAAAwEAAAMBAQEFZ3JvdXADAYH//////////wAACgDxgJt9OXdhpw==',
    digest: '06bd01623de1d087bbd377851096317b1af476a2',
  },
]
