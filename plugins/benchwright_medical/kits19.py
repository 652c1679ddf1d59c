"""The cases of KiTS19 that MLPerf Inference runs, as plain data.

Their choice and order are mlcommons/inference's at v3.1 (vision/medical_imaging/3d-unet-kits19).
Shapes, voxel sizes and checksums are those of the segmentations in the data set's own repository
(github.com/neheller/kits19) at `COMMIT`; images have the same shapes and voxel sizes.
"""

from __future__ import annotations

from typing import NamedTuple

COMMIT = "456b293435b25303bbc7995f094f83a0afdff0eb"
COPIES = {"case_00400": "case_00185"}
"""Cases that are another case once more, under a name of their own; they come last."""


class Volume(NamedTuple):
    """One case: shape in voxels and their edges in mm, by axis (the first across slices);
    SHA-256 and size in bytes of its segmentation.nii.gz."""

    case: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    segmentation_sha256: str
    segmentation_bytes: int


VOLUMES = (
    Volume(
        "case_00000",
        (611, 512, 512),
        (0.5, 0.9199219, 0.9199219),
        "d1019d9a690e193e167cadf3518499e9ed54c1c7757ce520152a3ed072159e09",
        775_587,
    ),
    Volume(
        "case_00003",
        (270, 512, 512),
        (1.0, 0.85546875, 0.85546875),
        "fcbb1e23746beab53c7fbd97915a855ce1f15be7c76b42affa0b30ccca63f98c",
        379_402,
    ),
    Volume(
        "case_00005",
        (834, 512, 512),
        (0.5, 0.9765625, 0.9765625),
        "bb8ced0aeac5f339f8981892fa0132ad3c806a37fbb33464b4b3af577f14e909",
        1_041_381,
    ),
    Volume(
        "case_00006",
        (157, 512, 512),
        (3.0, 0.7421875, 0.7421875),
        "6590efb3e5d3090dda350da2acef0d01e3cdb0b34764e878209daa72f8ba8bd0",
        249_476,
    ),
    Volume(
        "case_00012",
        (89, 512, 512),
        (5.0, 0.7519531, 0.7519531),
        "cc769adcd9c617d95a81c0208510a1f2534328a8275433d58b20d17d3e5ab60c",
        140_964,
    ),
    Volume(
        "case_00024",
        (85, 512, 512),
        (5.0, 0.6640625, 0.6640625),
        "bbf6a7d8713d0b1fa41c4b546a8013b65261c0657379af2d851af4fbd1ed7a48",
        135_119,
    ),
    Volume(
        "case_00034",
        (110, 512, 512),
        (5.0, 0.8359375, 0.8359375),
        "a4e4e6f2c52b5253cde80b9b32b970bfc2b83fa97d29b1fbc3eb00ae056fc2ec",
        174_017,
    ),
    Volume(
        "case_00041",
        (52, 512, 512),
        (3.0, 0.6777344, 0.6777344),
        "a513d5fa675323b739520a4a5a38f7f3fbf23c2d2396e7dd7be0e890feba579f",
        103_314,
    ),
    Volume(
        "case_00044",
        (101, 512, 512),
        (5.0, 0.9667969, 0.9667969),
        "dc851aea8d1a8921a8e5c6281784ae6b2b14fc14d3d2cfc01658240d58ff739d",
        152_896,
    ),
    Volume(
        "case_00049",
        (670, 512, 512),
        (0.5, 0.8613281, 0.8613281),
        "45c0a7bcc44edf478c6557ecac05319b239847fe68738301a0713ae13e5a9ed0",
        896_777,
    ),
    Volume(
        "case_00052",
        (673, 512, 512),
        (0.5, 0.95703125, 0.95703125),
        "062855b421c08ef6f205741fe5ce727e059f9d04b543f530a77edd00f5edee84",
        860_917,
    ),
    Volume(
        "case_00056",
        (90, 512, 512),
        (5.0, 0.78125, 0.78125),
        "a07de54540c0e8fbf62e0e47d02752a789e4929da53baa9a513c8348edb41693",
        182_198,
    ),
    Volume(
        "case_00061",
        (29, 512, 512),
        (5.0, 0.976562, 0.976562),
        "f0ac28b3fae9303378f40121ee4ccc725a69c9e88a899e5d634e1ff0dfd20469",
        59_432,
    ),
    Volume(
        "case_00065",
        (103, 512, 512),
        (2.5, 0.820312, 0.820312),
        "779e39d3131b043be241fe6beb44abcbcff54e4f4eb4964a4147cb3c406c8fdd",
        190_388,
    ),
    Volume(
        "case_00066",
        (445, 512, 512),
        (1.25, 0.863281, 0.863281),
        "377d98684bb0469c231866558a1323073c04c05a4b010413da03c1e6927e8e94",
        597_100,
    ),
    Volume(
        "case_00070",
        (57, 512, 512),
        (5.0, 0.7324219, 0.7324219),
        "08040019380efe132cdab8b7641650d4f369cd64c9c953edd411316bc0dcd60c",
        126_108,
    ),
    Volume(
        "case_00076",
        (66, 512, 512),
        (5.0, 0.6777344, 0.6777344),
        "bcb3e2618a10c1f25a3b18fa3e0d300f505f44cff32f59d65b67d3be5e16c2e4",
        105_766,
    ),
    Volume(
        "case_00078",
        (326, 512, 512),
        (1.0, 0.9628906, 0.9628906),
        "5ad3f34d5a1c7b5ce988748b0e65f6859d87de9aef597412942cd3d1e6d1161a",
        538_585,
    ),
    Volume(
        "case_00080",
        (88, 512, 512),
        (5.0, 0.72265625, 0.72265625),
        "62a9feac012eb13c683512f37d7c5a1ed8234f4c07193dd8e9c35b94da119137",
        137_429,
    ),
    Volume(
        "case_00084",
        (274, 512, 512),
        (2.0, 0.9765625, 0.9765625),
        "fc82b04e2bd9dc505bc48b06de806e917da95dd4c0b5a67d4fbaf905b2e2cab6",
        394_399,
    ),
    Volume(
        "case_00086",
        (199, 512, 512),
        (2.5, 0.789062, 0.789062),
        "34a5dbcd684998d0dfb38e7fb08941faf3aa631953a058c63c19f8511c205c88",
        301_891,
    ),
    Volume(
        "case_00087",
        (49, 512, 512),
        (5.0, 0.69140625, 0.69140625),
        "7498fd9314fb7027b954342530e4a30f30648bbc7760233c2640347a048ff186",
        97_327,
    ),
    Volume(
        "case_00092",
        (98, 512, 512),
        (5.0, 0.703125, 0.703125),
        "70acffdfda69fb4fe97a8962f7d8a994b445872cdeec79796046b9dcf0829255",
        196_674,
    ),
    Volume(
        "case_00111",
        (186, 512, 512),
        (2.5, 0.742188, 0.742188),
        "97e97a802364be4be3c274cc064f584f505fea00a33ed05bb49c66ca82c91347",
        292_498,
    ),
    Volume(
        "case_00112",
        (113, 512, 512),
        (2.0, 0.7421875, 0.7421875),
        "3956f828872775f378c48ec27ab75dd385d4f9dc180ddd37387e2abbda55a72e",
        227_812,
    ),
    Volume(
        "case_00125",
        (171, 512, 512),
        (3.0, 0.9765625, 0.9765625),
        "4472af57d6af10c1d6d9ed967bc01fb3a13006706e3067a6a3f9c0494b1782eb",
        113_159,
    ),
    Volume(
        "case_00128",
        (206, 512, 512),
        (2.5, 0.878906, 0.878906),
        "b7bcf93d310c9ca46a741e15bebaa5b2e241a15a432bd91c4fac49403b68cb25",
        307_906,
    ),
    Volume(
        "case_00138",
        (76, 512, 512),
        (3.0, 0.68359375, 0.68359375),
        "aa3f75cd75e42261355ef46fdfcaf759226bf5a9cf1c51b35114aa88395f9ce5",
        155_518,
    ),
    Volume(
        "case_00157",
        (548, 512, 512),
        (0.5, 0.8515625, 0.8515625),
        "3ed2c679767dd9ae510db1f86218cebe504aab0ff82316080eecc138ab7af052",
        344_893,
    ),
    Volume(
        "case_00160",
        (252, 512, 796),
        (1.0, 0.45117188, 0.45117188),
        "56ba118c0aa8b3b0ef07cb21495a43ce9adcf8eba13568440fc5eb98f5f6dac9",
        723_271,
    ),
    Volume(
        "case_00161",
        (59, 512, 512),
        (5.0, 0.87109375, 0.87109375),
        "880efb6108a9d7dd0be34ae2fc5b3a52dba8835cb2844483df0ee86fd4fb7304",
        97_779,
    ),
    Volume(
        "case_00162",
        (94, 512, 512),
        (5.0, 0.55078125, 0.55078125),
        "93ef37ed63f4720ba6d406ee90d2ba53ac93329cdf886183d374376ab2752f89",
        147_257,
    ),
    Volume(
        "case_00169",
        (101, 512, 512),
        (5.0, 0.755, 0.755),
        "80671b01eb5bbaf3102f0f4991aa602141d5f5c8c7e431d18ed98ff4434f8abc",
        155_606,
    ),
    Volume(
        "case_00171",
        (131, 512, 512),
        (5.0, 0.7597656, 0.7597656),
        "a859e3e7453d02f785932cd4de5fbc22c4040d6b20b40ecbb6ae7a170c564404",
        190_618,
    ),
    Volume(
        "case_00176",
        (102, 512, 512),
        (5.0, 0.9765625, 0.9765625),
        "fbabfc5dfac0598a7cba319fb1067e2a7f151428bba591782b79b12bffc02c95",
        76_102,
    ),
    Volume(
        "case_00185",
        (235, 512, 512),
        (2.5, 0.912109, 0.912109),
        "04a5d298bf12149983cac7992cb795db77986ee09f50161774cbede766e48f92",
        355_129,
    ),
    Volume(
        "case_00187",
        (82, 512, 512),
        (5.0, 0.625, 0.625),
        "756013b57501e08b87e027450cb83a58beb2165e02ed4f46e1ef08d5b7f23e83",
        151_948,
    ),
    Volume(
        "case_00189",
        (146, 512, 512),
        (5.0, 0.7421875, 0.7421875),
        "1bc2b3a2496011dedfe3c1aaa1fd3d52a4d4947a8d9ca997f8385f4fc4ff7d2e",
        237_456,
    ),
    Volume(
        "case_00198",
        (269, 512, 512),
        (2.5, 0.7324219, 0.7324219),
        "14f55d38bd81243edb0bd543897f0d321c73d8aa78ca690e112702447eae0063",
        384_016,
    ),
    Volume(
        "case_00203",
        (620, 512, 512),
        (1.0, 0.63671875, 0.63671875),
        "cf57478623972e36e5682ccd8d4abe334a5f94208c166782571c83d0855f5ce7",
        805_887,
    ),
    Volume(
        "case_00206",
        (60, 512, 512),
        (5.0, 0.9707031, 0.9707031),
        "1520f467f1b617b96f2fe932bde3955b3f4949ef6b32a6ee50c7b972a5de36e8",
        94_798,
    ),
    Volume(
        "case_00207",
        (140, 512, 512),
        (5.0, 0.75390625, 0.75390625),
        "9e94efdf1519e76f70ea4970a7c10d496385ef35d48ed8c31fb31307f7cce80f",
        207_255,
    ),
)

CASES = (*(volume.case for volume in VOLUMES), *COPIES)
"""The 43 inference cases; a case's place here is its sample index."""
