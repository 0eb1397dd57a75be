PRAGMA application_id=1179143746;
PRAGMA user_version=7;
BEGIN TRANSACTION;
CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        batch TEXT,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variant TEXT,
        status TEXT NOT NULL,
        run TEXT NOT NULL,
        kept_at REAL NOT NULL
    , calls INTEGER NOT NULL DEFAULT 1) STRICT;
INSERT INTO "answers" VALUES(1,'dc4a56e97bb13e9a337368ad6369d7b543d92a2912f692cd63acf1c42d1a101c','tickets','local#fixture','shout','loud','completed','{"status":"completed","output":"HI","error":null,"error_code":null,"status_code":200,"request_id":"req_c177fca610d52524dbaa091da0d252f3","run_id":null,"elapsed_s":1.2372905380000248,"attempts":1,"started_at":"2026-11-27T17:32:38.384865+00:00","deployment":"shout","variant":"loud","inputs":{"text":"Hi","times":1},"metadata":{"fh_batch":"tickets","fh_row":"p","fh_variant":"loud","fh_repeat":1,"fh_job":"dc4a56e97bb13e9a337368ad6369d7b543d92a2912f692cd63acf1c42d1a101c"},"origin":"local","raw":{"request_id":"req_c177fca610d52524dbaa091da0d252f3","run_status":"completed","output":"HI"}}',1.79580075971039295e+09,1);
INSERT INTO "answers" VALUES(2,'734ca62c18f83272bbd5a375499320ce9a7c4b4b46993fdc7c760bff62754399','tickets','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"hi","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_414b2c00608be01d23a7884f0a1f8568","run_id":null,"elapsed_s":1.2373093219998736,"attempts":1,"started_at":"2026-11-27T17:32:38.473180+00:00","deployment":"shout","variant":"soft","inputs":{"text":"Hi","times":1},"metadata":{"fh_batch":"tickets","fh_row":"p","fh_variant":"soft","fh_repeat":1,"fh_job":"734ca62c18f83272bbd5a375499320ce9a7c4b4b46993fdc7c760bff62754399"},"origin":"local","raw":{"request_id":"req_414b2c00608be01d23a7884f0a1f8568","run_status":"completed","output":{"said":"hi","times":1}}}',1.79580075971066188e+09,1);
INSERT INTO "answers" VALUES(3,'f0b99a324c1444217be0fda8edc7a1fa1b7418811e5856f33faef4b0bc64e22d','tickets','local#fixture','shout','loud','failed','{"status":"failed","output":null,"error":"RuntimeError: cannot shout bad day","error_code":null,"status_code":200,"request_id":"req_ded5eaea3b617b9a1ac8132b1178f0ab","run_id":null,"elapsed_s":0.0016323140000622516,"attempts":1,"started_at":"2026-11-27T17:32:39.711545+00:00","deployment":"shout","variant":"loud","inputs":{"text":"bad day","times":1},"metadata":{"fh_batch":"tickets","fh_row":"q","fh_variant":"loud","fh_repeat":1,"fh_job":"f0b99a324c1444217be0fda8edc7a1fa1b7418811e5856f33faef4b0bc64e22d"},"origin":"local","raw":{"request_id":"req_ded5eaea3b617b9a1ac8132b1178f0ab","run_status":"failed","output":null,"error":"RuntimeError: cannot shout bad day"}}',1.79580075971340703e+09,1);
INSERT INTO "answers" VALUES(4,'878d01901da576857b66ad8b09663ca62e7934d8fc49346383e83807a294125f','tickets','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"bad day","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_ce98e873b84f069ad836258edf210ce3","run_id":null,"elapsed_s":0.0017385000001013395,"attempts":1,"started_at":"2026-11-27T17:32:39.711739+00:00","deployment":"shout","variant":"soft","inputs":{"text":"bad day","times":1},"metadata":{"fh_batch":"tickets","fh_row":"q","fh_variant":"soft","fh_repeat":1,"fh_job":"878d01901da576857b66ad8b09663ca62e7934d8fc49346383e83807a294125f"},"origin":"local","raw":{"request_id":"req_ce98e873b84f069ad836258edf210ce3","run_status":"completed","output":{"said":"bad day","times":1}}}',1.79580075971369504e+09,1);
INSERT INTO "answers" VALUES(5,'7d440d6506d87922ee3f2eedeee46b22f70a1fd163b07a3aa055af958c3c535f','tickets','local#fixture','shout','loud','completed','{"status":"completed","output":"LATE","error":null,"error_code":null,"status_code":200,"request_id":"req_90e845365be05c9d0bcc8df09ab58146","run_id":null,"elapsed_s":0.0019217450001178804,"attempts":1,"started_at":"2026-11-27T17:32:39.711830+00:00","deployment":"shout","variant":"loud","inputs":{"text":"Late","times":1},"metadata":{"fh_batch":"tickets","fh_row":"r","fh_variant":"loud","fh_repeat":1,"fh_job":"7d440d6506d87922ee3f2eedeee46b22f70a1fd163b07a3aa055af958c3c535f"},"origin":"local","raw":{"request_id":"req_90e845365be05c9d0bcc8df09ab58146","run_status":"completed","output":"LATE"}}',1.7958007597138741e+09,1);
INSERT INTO "answers" VALUES(6,'cf893985433a64f2af1ff4e8aa9bba79496819935a1877ef6bbcde029e340776','tickets','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"late","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_a746849457c775e078fad0a204f83270","run_id":null,"elapsed_s":0.001988842999935514,"attempts":1,"started_at":"2026-11-27T17:32:39.711921+00:00","deployment":"shout","variant":"soft","inputs":{"text":"Late","times":1},"metadata":{"fh_batch":"tickets","fh_row":"r","fh_variant":"soft","fh_repeat":1,"fh_job":"cf893985433a64f2af1ff4e8aa9bba79496819935a1877ef6bbcde029e340776"},"origin":"local","raw":{"request_id":"req_a746849457c775e078fad0a204f83270","run_status":"completed","output":{"said":"late","times":1}}}',1.79580075971403288e+09,1);
INSERT INTO "answers" VALUES(7,'3d1412a5561fb32acc32f322471c3dc424911f770cec2536102ff2949d655e55','tickets','local#fixture','shout','loud','completed','{"status":"completed","output":"ÜBER ☃\nLINES","error":null,"error_code":null,"status_code":200,"request_id":"req_178aa84406b0779be69dc0e30b4ed790","run_id":null,"elapsed_s":0.0009371270000428922,"attempts":1,"started_at":"2026-11-27T17:32:39.714579+00:00","deployment":"shout","variant":"loud","inputs":{"text":"Über ☃\nlines","times":1},"metadata":{"fh_batch":"tickets","fh_row":"t","fh_variant":"loud","fh_repeat":1,"fh_job":"3d1412a5561fb32acc32f322471c3dc424911f770cec2536102ff2949d655e55"},"origin":"local","raw":{"request_id":"req_178aa84406b0779be69dc0e30b4ed790","run_status":"completed","output":"ÜBER ☃\nLINES"}}',1795800759.71567,1);
INSERT INTO "answers" VALUES(8,'616fc7843f76f42aa9ec3cdfca35eb85a921e1fe8417482c6502905e36ad9d6b','tickets','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"über ☃\nlines","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_0e349a9fb71620fb8f9810bf43923ddf","run_id":null,"elapsed_s":0.001003254000124798,"attempts":1,"started_at":"2026-11-27T17:32:39.714724+00:00","deployment":"shout","variant":"soft","inputs":{"text":"Über ☃\nlines","times":1},"metadata":{"fh_batch":"tickets","fh_row":"t","fh_variant":"soft","fh_repeat":1,"fh_job":"616fc7843f76f42aa9ec3cdfca35eb85a921e1fe8417482c6502905e36ad9d6b"},"origin":"local","raw":{"request_id":"req_0e349a9fb71620fb8f9810bf43923ddf","run_status":"completed","output":{"said":"über ☃\nlines","times":1}}}',1.79580075971586704e+09,1);
INSERT INTO "answers" VALUES(9,'a9240e626f9c44663c33ca436d99446842f8f02f9ab53fb47bd794ce85f44fa1','refused','local#fixture','shout','loud','failed','{"status":"failed","output":null,"error":"times: the text ''many'' is not a whole number","error_code":"validation_error","status_code":422,"request_id":null,"run_id":null,"elapsed_s":0.0006587719999515684,"attempts":1,"started_at":"2026-11-27T17:32:39.718933+00:00","deployment":"shout","variant":"loud","inputs":{"text":"refused","times":"many"},"metadata":{"fh_batch":"refused","fh_row":1,"fh_variant":"loud","fh_repeat":1,"fh_job":"a9240e626f9c44663c33ca436d99446842f8f02f9ab53fb47bd794ce85f44fa1"},"origin":"local","raw":{"error":"times: the text ''many'' is not a whole number","message":"times: the text ''many'' is not a whole number","error_code":"validation_error"}}',1.79580075971974611e+09,1);
INSERT INTO "answers" VALUES(10,'96e84cca5ab4820f0904543f19709ea9bc5c9f52348584f9093e357c3057666b','refused','local#fixture','shout','loud','completed','{"status":"completed","output":"FITS","error":null,"error_code":null,"status_code":200,"request_id":"req_72622be8bc4e9c78e23126ea4f2683a4","run_id":null,"elapsed_s":0.0012451709999368177,"attempts":1,"started_at":"2026-11-27T17:32:39.718824+00:00","deployment":"shout","variant":"loud","inputs":{"text":"fits","times":1},"metadata":{"fh_batch":"refused","fh_row":0,"fh_variant":"loud","fh_repeat":1,"fh_job":"96e84cca5ab4820f0904543f19709ea9bc5c9f52348584f9093e357c3057666b"},"origin":"local","raw":{"request_id":"req_72622be8bc4e9c78e23126ea4f2683a4","run_status":"completed","output":"FITS"}}',1.7958007597201941e+09,1);
INSERT INTO "answers" VALUES(11,'a90dffba3cc5c598084ed121eb7cead3c5ea97a5d4591ff225445e44153e3620','shout-89f83197539b','local#fixture','shout','loud','completed','{"status":"completed","output":"ONE","error":null,"error_code":null,"status_code":200,"request_id":"req_3a8807f4e2bb12ad6ddcd377b0247a26","run_id":null,"elapsed_s":0.0013294549999045557,"attempts":1,"started_at":"2026-11-27T17:32:39.722828+00:00","deployment":"shout","variant":"loud","inputs":{"text":"one","times":1},"metadata":{"fh_batch":"shout-89f83197539b","fh_row":0,"fh_variant":"loud","fh_repeat":1,"fh_job":"a90dffba3cc5c598084ed121eb7cead3c5ea97a5d4591ff225445e44153e3620"},"origin":"local","raw":{"request_id":"req_3a8807f4e2bb12ad6ddcd377b0247a26","run_status":"completed","output":"ONE"}}',1.79580075972429299e+09,1);
INSERT INTO "answers" VALUES(12,'0b95e7a83955ac30e724f3868e4b5a817ff46cf453a45c2087a3754e849a942d','shout-89f83197539b','local#fixture','shout','loud','completed','{"status":"completed","output":"ONE","error":null,"error_code":null,"status_code":200,"request_id":"req_c75973300db718e08fc766f515979fb8","run_id":null,"elapsed_s":0.001425583999889568,"attempts":1,"started_at":"2026-11-27T17:32:39.722929+00:00","deployment":"shout","variant":"loud","inputs":{"text":"one","times":1},"metadata":{"fh_batch":"shout-89f83197539b","fh_row":0,"fh_variant":"loud","fh_repeat":2,"fh_job":"0b95e7a83955ac30e724f3868e4b5a817ff46cf453a45c2087a3754e849a942d"},"origin":"local","raw":{"request_id":"req_c75973300db718e08fc766f515979fb8","run_status":"completed","output":"ONE"}}',1795800759.72445,1);
INSERT INTO "answers" VALUES(13,'9670def4f9f2e759b913ead32dbeeb1e697ca523df203bb5a1bb85fad01f9b57','shout-89f83197539b','local#fixture','shout','loud','completed','{"status":"completed","output":"TWOTWO","error":null,"error_code":null,"status_code":200,"request_id":"req_efb75ffe5582ecce0ca61074249df232","run_id":null,"elapsed_s":0.00148873300008745,"attempts":1,"started_at":"2026-11-27T17:32:39.722999+00:00","deployment":"shout","variant":"loud","inputs":{"text":"two","times":2},"metadata":{"fh_batch":"shout-89f83197539b","fh_row":1,"fh_variant":"loud","fh_repeat":1,"fh_job":"9670def4f9f2e759b913ead32dbeeb1e697ca523df203bb5a1bb85fad01f9b57"},"origin":"local","raw":{"request_id":"req_efb75ffe5582ecce0ca61074249df232","run_status":"completed","output":"TWOTWO"}}',1.79580075972457504e+09,1);
INSERT INTO "answers" VALUES(14,'d54fd3cd1a3ec4785683b82e4ad69626372b2aa7cce2f72297765a39948a02d3','shout-89f83197539b','local#fixture','shout','loud','completed','{"status":"completed","output":"TWOTWO","error":null,"error_code":null,"status_code":200,"request_id":"req_0cbd98c5a50136253a0db39b096c4410","run_id":null,"elapsed_s":0.0013885429998481413,"attempts":1,"started_at":"2026-11-27T17:32:39.723218+00:00","deployment":"shout","variant":"loud","inputs":{"text":"two","times":2},"metadata":{"fh_batch":"shout-89f83197539b","fh_row":1,"fh_variant":"loud","fh_repeat":2,"fh_job":"d54fd3cd1a3ec4785683b82e4ad69626372b2aa7cce2f72297765a39948a02d3"},"origin":"local","raw":{"request_id":"req_0cbd98c5a50136253a0db39b096c4410","run_status":"completed","output":"TWOTWO"}}',1.79580075972469091e+09,1);
INSERT INTO "answers" VALUES(15,'f7b00ec42d0f2311c3365f63ecfa287cdb651ec4aa5e843f4f8f5812f89dba50','streamed','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"first","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_1a5f8b1d59be4129d0b45d362a7d96ce","run_id":null,"elapsed_s":0.0007262480000918003,"attempts":1,"started_at":"2026-11-27T17:32:39.730039+00:00","deployment":"shout","variant":"soft","inputs":{"text":"first","times":1},"metadata":{"fh_batch":"streamed","fh_row":0,"fh_variant":"soft","fh_repeat":1,"fh_job":"f7b00ec42d0f2311c3365f63ecfa287cdb651ec4aa5e843f4f8f5812f89dba50"},"origin":"local","raw":{"request_id":"req_1a5f8b1d59be4129d0b45d362a7d96ce","run_status":"completed","output":{"said":"first","times":1}}}',1.79580075973090291e+09,1);
INSERT INTO "answers" VALUES(16,'9e537857af0951270968bbd1bbe592090f1acec429c6a488c3b7db07d21429ab','streamed','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"second","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_baa1368e6efc4eadd66edd2bf0623491","run_id":null,"elapsed_s":0.0008110489998216508,"attempts":1,"started_at":"2026-11-27T17:32:39.730151+00:00","deployment":"shout","variant":"soft","inputs":{"text":"second","times":1},"metadata":{"fh_batch":"streamed","fh_row":1,"fh_variant":"soft","fh_repeat":1,"fh_job":"9e537857af0951270968bbd1bbe592090f1acec429c6a488c3b7db07d21429ab"},"origin":"local","raw":{"request_id":"req_baa1368e6efc4eadd66edd2bf0623491","run_status":"completed","output":{"said":"second","times":1}}}',1.79580075973105597e+09,1);
INSERT INTO "answers" VALUES(17,'8bee230500eefd8d90aa1c3bafef6df18485abc0ec748ea4ea5048b5c1e5f055',NULL,'local#fixture','shout','loud','completed','{"status":"completed","output":"A SINGLE RUN","error":null,"error_code":null,"status_code":200,"request_id":"req_fc26b98dbb833ada96966e07add5f3bc","run_id":null,"elapsed_s":0.00035305599999446713,"attempts":1,"started_at":"2026-11-27T17:32:39.731818+00:00","deployment":"shout","variant":"loud","inputs":{"text":"A single run","times":1},"metadata":{"who":"me"},"origin":"local","raw":{"request_id":"req_fc26b98dbb833ada96966e07add5f3bc","run_status":"completed","output":"A SINGLE RUN"}}',1.79580075973232889e+09,1);
INSERT INTO "answers" VALUES(18,'f3b012a538edad1a68e37720d475de992deb45d8d72c92f2067a641c3bf1c703',NULL,'local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"another","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_c3a844062ba62749f31fc287c8428d9a","run_id":null,"elapsed_s":0.0003258469998854707,"attempts":1,"started_at":"2026-11-27T17:32:39.732764+00:00","deployment":"shout","variant":"soft","inputs":{"text":"Another","times":1},"metadata":{"who":"me"},"origin":"local","raw":{"request_id":"req_c3a844062ba62749f31fc287c8428d9a","run_status":"completed","output":{"said":"another","times":1}}}',1.79580075973322892e+09,1);
INSERT INTO "answers" VALUES(19,'13dc0636ac7b2735120ed527b35d1381522e037573ab8d4fecbb848471ad6d5d',NULL,'local#fixture','shout','loud','failed','{"status":"failed","output":null,"error":"RuntimeError: cannot shout bad single","error_code":null,"status_code":200,"request_id":"req_fb435459769ba0a60a4276f957e73282","run_id":null,"elapsed_s":0.0003718939999544091,"attempts":1,"started_at":"2026-11-27T17:32:39.733752+00:00","deployment":"shout","variant":"loud","inputs":{"text":"bad single","times":1},"metadata":{},"origin":"local","raw":{"request_id":"req_fb435459769ba0a60a4276f957e73282","run_status":"failed","output":null,"error":"RuntimeError: cannot shout bad single"}}',1.79580075973428511e+09,1);
INSERT INTO "answers" VALUES(20,'96e84cca5ab4820f0904543f19709ea9bc5c9f52348584f9093e357c3057666b','broken','local#fixture','shout','loud','completed','{"status":"completed","output":"FITS","error":null,"error_code":null,"status_code":200,"request_id":"req_0ee02eab578538d84a3d9b4c72204a23","run_id":null,"elapsed_s":0.0018935880000299221,"attempts":1,"started_at":"2026-11-27T17:32:40.519429+00:00","deployment":"shout","variant":"loud","inputs":{"text":"fits","times":1},"metadata":{"fh_batch":"broken","fh_row":0,"fh_variant":"loud","fh_repeat":1,"fh_job":"96e84cca5ab4820f0904543f19709ea9bc5c9f52348584f9093e357c3057666b"},"origin":"local","raw":{"request_id":"req_0ee02eab578538d84a3d9b4c72204a23","run_status":"completed","output":"FITS"}}',1.79580076052152204e+09,1);
INSERT INTO "answers" VALUES(21,'6d6def5aa0d0ead857f2b163ae073b6d45ac51a48aeeb7c4c72d5527423549d3','broken','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"fits","times":1},"error":null,"error_code":null,"status_code":200,"request_id":"req_8ccf28942a37793c8c025763b4af7dca","run_id":null,"elapsed_s":0.002088140000068961,"attempts":1,"started_at":"2026-11-27T17:32:40.519575+00:00","deployment":"shout","variant":"soft","inputs":{"text":"fits","times":1},"metadata":{"fh_batch":"broken","fh_row":0,"fh_variant":"soft","fh_repeat":1,"fh_job":"6d6def5aa0d0ead857f2b163ae073b6d45ac51a48aeeb7c4c72d5527423549d3"},"origin":"local","raw":{"request_id":"req_8ccf28942a37793c8c025763b4af7dca","run_status":"completed","output":{"said":"fits","times":1}}}',1.79580076052177095e+09,1);
INSERT INTO "answers" VALUES(22,'717ee0b4efcef7a1bf7efdb5d66f977f389974e45bba9f3f1706fef5b3dfd58f','broken','local#fixture','shout','loud','completed','{"status":"completed","output":"FITS, TOOFITS, TOO","error":null,"error_code":null,"status_code":200,"request_id":"req_3d162003b206c7b30481ee1cfdd84308","run_id":null,"elapsed_s":0.002174572999820157,"attempts":1,"started_at":"2026-11-27T17:32:40.519641+00:00","deployment":"shout","variant":"loud","inputs":{"text":"fits, too","times":2},"metadata":{"fh_batch":"broken","fh_row":2,"fh_variant":"loud","fh_repeat":1,"fh_job":"717ee0b4efcef7a1bf7efdb5d66f977f389974e45bba9f3f1706fef5b3dfd58f"},"origin":"local","raw":{"request_id":"req_3d162003b206c7b30481ee1cfdd84308","run_status":"completed","output":"FITS, TOOFITS, TOO"}}',1.79580076052190399e+09,1);
INSERT INTO "answers" VALUES(23,'3546e5cede12d1450ecfccfcdc2320488a76d40eb74a4de7e9bd74e3fd3334c1','broken','local#fixture','shout','soft','completed','{"status":"completed","output":{"said":"fits, toofits, too","times":2},"error":null,"error_code":null,"status_code":200,"request_id":"req_62c639f299e701d14139d5280e938108","run_id":null,"elapsed_s":0.0022332120001919975,"attempts":1,"started_at":"2026-11-27T17:32:40.519707+00:00","deployment":"shout","variant":"soft","inputs":{"text":"fits, too","times":2},"metadata":{"fh_batch":"broken","fh_row":2,"fh_variant":"soft","fh_repeat":1,"fh_job":"3546e5cede12d1450ecfccfcdc2320488a76d40eb74a4de7e9bd74e3fd3334c1"},"origin":"local","raw":{"request_id":"req_62c639f299e701d14139d5280e938108","run_status":"completed","output":{"said":"fits, toofits, too","times":2}}}',1.79580076052202892e+09,1);
INSERT INTO "answers" VALUES(24,'12e06696e1e9b2e7ae9301b0a8c3752560867f701ef6b805e6cb89b674ea94d9','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":2,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_727ea7eacf331b98f494a8b7aec85e42","run_id":null,"elapsed_s":0.0025472680001712433,"attempts":1,"started_at":"2026-11-27T17:32:40.569801+00:00","deployment":"manners","variant":"v1","inputs":{"output":"HI","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":0,"fh_variant":"v1","fh_repeat":1,"fh_job":"12e06696e1e9b2e7ae9301b0a8c3752560867f701ef6b805e6cb89b674ea94d9"},"origin":"local","raw":{"request_id":"req_727ea7eacf331b98f494a8b7aec85e42","run_status":"completed","output":{"score":2,"reason":"Is it quiet?"}}}',1.79580076057256388e+09,1);
INSERT INTO "answers" VALUES(25,'926432798d2cc47dea93f81762045e52cfe3698861ce38349bbff41a18b28026','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":5,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_dee01f78fd9944b74962633857162942","run_id":null,"elapsed_s":0.002807721999943169,"attempts":1,"started_at":"2026-11-27T17:32:40.569962+00:00","deployment":"manners","variant":"v1","inputs":{"output":"{\n  \"said\": \"hi\",\n  \"times\": 1\n}","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":1,"fh_variant":"v1","fh_repeat":1,"fh_job":"926432798d2cc47dea93f81762045e52cfe3698861ce38349bbff41a18b28026"},"origin":"local","raw":{"request_id":"req_dee01f78fd9944b74962633857162942","run_status":"completed","output":{"score":5,"reason":"Is it quiet?"}}}',1.79580076057288193e+09,1);
INSERT INTO "answers" VALUES(26,'36e1dd967685ba194dc27a9d1ae5d5820b117efa3954beb84fdadb96029a6907','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":5,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_91df1a8b3e66a111d9c31d352d6b6d4a","run_id":null,"elapsed_s":0.002883055999973294,"attempts":1,"started_at":"2026-11-27T17:32:40.570042+00:00","deployment":"manners","variant":"v1","inputs":{"output":"{\n  \"said\": \"bad day\",\n  \"times\": 1\n}","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":2,"fh_variant":"v1","fh_repeat":1,"fh_job":"36e1dd967685ba194dc27a9d1ae5d5820b117efa3954beb84fdadb96029a6907"},"origin":"local","raw":{"request_id":"req_91df1a8b3e66a111d9c31d352d6b6d4a","run_status":"completed","output":{"score":5,"reason":"Is it quiet?"}}}',1.79580076057302093e+09,1);
INSERT INTO "answers" VALUES(27,'fe385865af0c6e108a4510eae01b28b9c546ce25e10cfab67a5f48d118777a18','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":2,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_6592e416839a7295b813cff8993f6f52","run_id":null,"elapsed_s":0.002952642000082051,"attempts":1,"started_at":"2026-11-27T17:32:40.570105+00:00","deployment":"manners","variant":"v1","inputs":{"output":"LATE","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":3,"fh_variant":"v1","fh_repeat":1,"fh_job":"fe385865af0c6e108a4510eae01b28b9c546ce25e10cfab67a5f48d118777a18"},"origin":"local","raw":{"request_id":"req_6592e416839a7295b813cff8993f6f52","run_status":"completed","output":{"score":2,"reason":"Is it quiet?"}}}',1.79580076057315301e+09,1);
INSERT INTO "answers" VALUES(28,'47b55111456158c40b78656542ae18b2c678e4dcc91a6f8f8ebb45c3e65e1a82','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":5,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_857e1462428a45721ea7cd43a52f4dca","run_id":null,"elapsed_s":0.0026845000002140296,"attempts":1,"started_at":"2026-11-27T17:32:40.571331+00:00","deployment":"manners","variant":"v1","inputs":{"output":"{\n  \"said\": \"late\",\n  \"times\": 1\n}","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":4,"fh_variant":"v1","fh_repeat":1,"fh_job":"47b55111456158c40b78656542ae18b2c678e4dcc91a6f8f8ebb45c3e65e1a82"},"origin":"local","raw":{"request_id":"req_857e1462428a45721ea7cd43a52f4dca","run_status":"completed","output":{"score":5,"reason":"Is it quiet?"}}}',1.79580076057415509e+09,1);
INSERT INTO "answers" VALUES(29,'c4dca43888f4923bcf5206557ac07fa6169d5091b8c89f317f5298ba868dc0fb','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":2,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_6424d4d0da2e83566361c83eff68b6f5","run_id":null,"elapsed_s":0.002783937000003789,"attempts":1,"started_at":"2026-11-27T17:32:40.571427+00:00","deployment":"manners","variant":"v1","inputs":{"output":"ÜBER ☃\nLINES","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":7,"fh_variant":"v1","fh_repeat":1,"fh_job":"c4dca43888f4923bcf5206557ac07fa6169d5091b8c89f317f5298ba868dc0fb"},"origin":"local","raw":{"request_id":"req_6424d4d0da2e83566361c83eff68b6f5","run_status":"completed","output":{"score":2,"reason":"Is it quiet?"}}}',1.79580076057430696e+09,1);
INSERT INTO "answers" VALUES(30,'47e64a9989ad57cf4e4928f6807b13da2b657d61a638979059122c565dc26778','manners-8d7c86cfa086','local#fixture','manners','v1','completed','{"status":"completed","output":{"score":5,"reason":"Is it quiet?"},"error":null,"error_code":null,"status_code":200,"request_id":"req_c07d07651afe4ee7828e348f6ceb4af4","run_id":null,"elapsed_s":0.0011136460000216175,"attempts":1,"started_at":"2026-11-27T17:32:40.573843+00:00","deployment":"manners","variant":"v1","inputs":{"output":"{\n  \"said\": \"über ☃\\nlines\",\n  \"times\": 1\n}","rubric":"Is it quiet?"},"metadata":{"fh_judge":true,"fh_batch":"manners-8d7c86cfa086","fh_row":8,"fh_variant":"v1","fh_repeat":1,"fh_job":"47e64a9989ad57cf4e4928f6807b13da2b657d61a638979059122c565dc26778"},"origin":"local","raw":{"request_id":"req_c07d07651afe4ee7828e348f6ceb4af4","run_status":"completed","output":{"score":5,"reason":"Is it quiet?"}}}',1.79580076057508802e+09,1);
INSERT INTO "answers" VALUES(31,'115551c766b5c6d56a01e598610071f1294f04b90fc67725791d4f6b4ede0bf1','killed','local#fixture','shout','loud','completed','{"status":"completed","output":"QUICK 1","error":null,"error_code":null,"status_code":200,"request_id":"req_6d9de5936d4e42535ff618033f4edf26","run_id":null,"elapsed_s":0.002327758000092217,"attempts":1,"started_at":"2026-11-27T17:32:42.553221+00:00","deployment":"shout","variant":"loud","inputs":{"text":"quick 1","times":1},"metadata":{"fh_batch":"killed","fh_row":0,"fh_variant":"loud","fh_repeat":1,"fh_job":"115551c766b5c6d56a01e598610071f1294f04b90fc67725791d4f6b4ede0bf1"},"origin":"local","raw":{"request_id":"req_6d9de5936d4e42535ff618033f4edf26","run_status":"completed","output":"QUICK 1"}}',1.79580076255575799e+09,1);
INSERT INTO "answers" VALUES(32,'7cba974978291a97299da345377056038dfe245c0c549c1d560857229e5a1074','killed','local#fixture','shout','loud','completed','{"status":"completed","output":"QUICK 2","error":null,"error_code":null,"status_code":200,"request_id":"req_af5fe923db864a664ec42948218aa767","run_id":null,"elapsed_s":0.0025034309999227844,"attempts":1,"started_at":"2026-11-27T17:32:42.553369+00:00","deployment":"shout","variant":"loud","inputs":{"text":"quick 2","times":1},"metadata":{"fh_batch":"killed","fh_row":1,"fh_variant":"loud","fh_repeat":1,"fh_job":"7cba974978291a97299da345377056038dfe245c0c549c1d560857229e5a1074"},"origin":"local","raw":{"request_id":"req_af5fe923db864a664ec42948218aa767","run_status":"completed","output":"QUICK 2"}}',1.79580076255599188e+09,1);
CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL,
        deployment TEXT NOT NULL,
        variants TEXT NOT NULL,
        created_at REAL NOT NULL,
        plan TEXT NOT NULL,
        UNIQUE (workspace, name)
    ) STRICT;
INSERT INTO "batches" VALUES(1,'tickets','local#fixture','shout','["loud", "soft"]',1.79580075838137388e+09,'{"rows":5,"repeats":1,"jobs":10,"arms":[["loud","shout","loud"],["soft","shout","soft"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":"09b7ed209db18459","index":["ticket"],"columns":["text","n","expected_output"],"reuse":"batch"}');
INSERT INTO "batches" VALUES(2,'refused','local#fixture','shout','["loud"]',1.79580075971706295e+09,'{"rows":2,"repeats":1,"jobs":2,"arms":[["loud","shout","loud"]],"schema_sha256":{"shout":"a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0"},"fingerprint":"8275c36b197a8337","index":null,"columns":["text","times"],"reuse":"batch"}');
INSERT INTO "batches" VALUES(3,'shout-89f83197539b','local#fixture','shout','["loud"]',1795800759.72122,'{"rows":2,"repeats":2,"jobs":4,"arms":[["loud","shout","loud"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":"be738ff36b90ffe8","index":null,"columns":["text","times"],"reuse":"batch"}');
INSERT INTO "batches" VALUES(4,'streamed','local#fixture','shout','["soft"]',1.79580075972555494e+09,'{"rows":null,"repeats":1,"jobs":null,"arms":[["soft","shout","soft"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":null,"index":null,"columns":null,"reuse":"batch"}');
INSERT INTO "batches" VALUES(5,'parted','local#fixture','shout','["loud"]',1.79580076046481299e+09,'{"rows":6,"repeats":1,"jobs":6,"arms":[["loud","shout","loud"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"parts":{"folder":"@ROOT@/parts/parted","partitions":[["d64aceac8215664da31147ff9d348a26eb7d383988a54d5c9566eb8c7f89bdd8",3,3,0],["dcb88f6bf25398663aaff7e1a89c9cc061ce7f7afda670cd70207424f62a7745",3,3,0]],"columns":[["row","int64"],["variant","string[python]"],["repeat","int64"],["status","string[python]"],["output","object"],["error_code","string[python]"],["error","string[python]"],["attempts","int64"],["elapsed_s","float64"],["started_at","datetime64[ns, UTC]"],["request_id","string[python]"],["reused","bool"],["key","string[python]"],["text","string[pyarrow]"],["n","int64"]],"anywhere":false}}');
INSERT INTO "batches" VALUES(6,'broken','local#fixture','shout','["loud", "soft"]',1.79580076051598405e+09,'{"rows":3,"repeats":1,"jobs":6,"arms":[["loud","shout","loud"],["soft","shout","soft"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":"3c32739662692332","index":null,"columns":["text","times"],"reuse":"batch"}');
INSERT INTO "batches" VALUES(7,'manners-8d7c86cfa086','local#fixture','manners','["v1"]',1.79580076056702899e+09,'{"rows":9,"repeats":1,"jobs":9,"arms":[["v1","manners","v1"]],"schema_sha256":{"manners":"93613320df5b932cd48f6500039a808341dcc29bede7d15dbb29c7438946c925"},"fingerprint":"11809eee78c38563","index":null,"columns":["text","n","input","expected","rubric","output"],"reuse":"store"}');
INSERT INTO "batches" VALUES(8,'killed','local#fixture','shout','["loud"]',1.79580076254850101e+09,'{"rows":4,"repeats":1,"jobs":4,"arms":[["loud","shout","loud"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":"6a112dd236034d32","index":null,"columns":["text"],"reuse":"batch"}');
INSERT INTO "batches" VALUES(9,'queued','local#fixture','shout','["loud"]',1.795800762551023e+09,'{"rows":2,"repeats":1,"jobs":2,"arms":[["loud","shout","loud"]],"schema_sha256":{"shout":"4fec399db4f004792f07bb35e7de9735698ba3906debc919cd136a0616bc2c55"},"fingerprint":"b8c4c405361af65b","index":null,"columns":["text"],"reuse":"batch"}');
CREATE TABLE claims (
        batch TEXT NOT NULL,
        key TEXT NOT NULL,
        owner TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        PRIMARY KEY (batch, key)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "claims" VALUES('killed','b13633a5645bcdaee2df0b3d660d79671a6266b546e596bf24726c951d4c05cd','b1f3ac24767b4888bbadadffff4ce9de',1.79580076255283093e+09);
INSERT INTO "claims" VALUES('killed','b5f48b02206c6bffb25dd01cbea9df65d754fe2c4f358d798e1c3035de817038','b1f3ac24767b4888bbadadffff4ce9de',1.79580076255283093e+09);
INSERT INTO "claims" VALUES('killed','start b1f3ac24767b4888bbadadffff4ce9de','b1f3ac24767b4888bbadadffff4ce9de',1795800762.55122);
INSERT INTO "claims" VALUES('queued','0db92a2a75ae9c072a31897b822bb8f4a231b26333846efde76a7e676cb125d5','dc6cc9aea3ce4aa4b1714e18daf61da4',1.79580076255752301e+09);
INSERT INTO "claims" VALUES('queued','ef9ccaaf903b22fe625e913db720f58bcb994c7cdbf6879628972b8d4b5633ad','dc6cc9aea3ce4aa4b1714e18daf61da4',1.79580076255752301e+09);
INSERT INTO "claims" VALUES('queued','start dc6cc9aea3ce4aa4b1714e18daf61da4','dc6cc9aea3ce4aa4b1714e18daf61da4',1.7958007625569849e+09);
CREATE TABLE jobs (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        repeat INTEGER NOT NULL,
        arm INTEGER NOT NULL,
        key TEXT NOT NULL,
        inputs TEXT NOT NULL,
        metadata TEXT NOT NULL,
        problems TEXT NOT NULL,
        whole INTEGER NOT NULL,
        PRIMARY KEY (batch, position, repeat, arm)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "jobs" VALUES(1,0,1,0,'dc4a56e97bb13e9a337368ad6369d7b543d92a2912f692cd63acf1c42d1a101c','{"text":"Hi","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,0,1,1,'734ca62c18f83272bbd5a375499320ce9a7c4b4b46993fdc7c760bff62754399','{"text":"Hi","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,1,1,0,'f0b99a324c1444217be0fda8edc7a1fa1b7418811e5856f33faef4b0bc64e22d','{"text":"bad day","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,1,1,1,'878d01901da576857b66ad8b09663ca62e7934d8fc49346383e83807a294125f','{"text":"bad day","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,2,1,0,'7d440d6506d87922ee3f2eedeee46b22f70a1fd163b07a3aa055af958c3c535f','{"text":"Late","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,2,1,1,'cf893985433a64f2af1ff4e8aa9bba79496819935a1877ef6bbcde029e340776','{"text":"Late","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,3,1,0,'dc4a56e97bb13e9a337368ad6369d7b543d92a2912f692cd63acf1c42d1a101c','{"text":"Hi","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,3,1,1,'734ca62c18f83272bbd5a375499320ce9a7c4b4b46993fdc7c760bff62754399','{"text":"Hi","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,4,1,0,'3d1412a5561fb32acc32f322471c3dc424911f770cec2536102ff2949d655e55','{"text":"Über ☃\nlines","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(1,4,1,1,'616fc7843f76f42aa9ec3cdfca35eb85a921e1fe8417482c6502905e36ad9d6b','{"text":"Über ☃\nlines","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(2,0,1,0,'96e84cca5ab4820f0904543f19709ea9bc5c9f52348584f9093e357c3057666b','{"text":"fits","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(2,1,1,0,'a9240e626f9c44663c33ca436d99446842f8f02f9ab53fb47bd794ce85f44fa1','{"text":"refused","times":"many"}','{}','[]',1);
INSERT INTO "jobs" VALUES(3,0,1,0,'a90dffba3cc5c598084ed121eb7cead3c5ea97a5d4591ff225445e44153e3620','{"text":"one","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(3,0,2,0,'0b95e7a83955ac30e724f3868e4b5a817ff46cf453a45c2087a3754e849a942d','{"text":"one","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(3,1,1,0,'9670def4f9f2e759b913ead32dbeeb1e697ca523df203bb5a1bb85fad01f9b57','{"text":"two","times":2}','{}','[]',1);
INSERT INTO "jobs" VALUES(3,1,2,0,'d54fd3cd1a3ec4785683b82e4ad69626372b2aa7cce2f72297765a39948a02d3','{"text":"two","times":2}','{}','[]',1);
INSERT INTO "jobs" VALUES(4,0,1,0,'f7b00ec42d0f2311c3365f63ecfa287cdb651ec4aa5e843f4f8f5812f89dba50','{"text":"first","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(4,1,1,0,'9e537857af0951270968bbd1bbe592090f1acec429c6a488c3b7db07d21429ab','{"text":"second","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(7,0,1,0,'12e06696e1e9b2e7ae9301b0a8c3752560867f701ef6b805e6cb89b674ea94d9','{"output":"HI","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,1,1,0,'926432798d2cc47dea93f81762045e52cfe3698861ce38349bbff41a18b28026','{"output":"{\n  \"said\": \"hi\",\n  \"times\": 1\n}","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,2,1,0,'36e1dd967685ba194dc27a9d1ae5d5820b117efa3954beb84fdadb96029a6907','{"output":"{\n  \"said\": \"bad day\",\n  \"times\": 1\n}","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,3,1,0,'fe385865af0c6e108a4510eae01b28b9c546ce25e10cfab67a5f48d118777a18','{"output":"LATE","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,4,1,0,'47b55111456158c40b78656542ae18b2c678e4dcc91a6f8f8ebb45c3e65e1a82','{"output":"{\n  \"said\": \"late\",\n  \"times\": 1\n}","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,5,1,0,'12e06696e1e9b2e7ae9301b0a8c3752560867f701ef6b805e6cb89b674ea94d9','{"output":"HI","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,6,1,0,'926432798d2cc47dea93f81762045e52cfe3698861ce38349bbff41a18b28026','{"output":"{\n  \"said\": \"hi\",\n  \"times\": 1\n}","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,7,1,0,'c4dca43888f4923bcf5206557ac07fa6169d5091b8c89f317f5298ba868dc0fb','{"output":"ÜBER ☃\nLINES","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(7,8,1,0,'47e64a9989ad57cf4e4928f6807b13da2b657d61a638979059122c565dc26778','{"output":"{\n  \"said\": \"über ☃\\nlines\",\n  \"times\": 1\n}","rubric":"Is it quiet?"}','{"fh_judge":true}','[]',1);
INSERT INTO "jobs" VALUES(8,0,1,0,'115551c766b5c6d56a01e598610071f1294f04b90fc67725791d4f6b4ede0bf1','{"text":"quick 1","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(8,1,1,0,'7cba974978291a97299da345377056038dfe245c0c549c1d560857229e5a1074','{"text":"quick 2","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(8,2,1,0,'b5f48b02206c6bffb25dd01cbea9df65d754fe2c4f358d798e1c3035de817038','{"text":"slow 1","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(8,3,1,0,'b13633a5645bcdaee2df0b3d660d79671a6266b546e596bf24726c951d4c05cd','{"text":"slow 2","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(9,0,1,0,'ef9ccaaf903b22fe625e913db720f58bcb994c7cdbf6879628972b8d4b5633ad','{"text":"slow 3","times":1}','{}','[]',1);
INSERT INTO "jobs" VALUES(9,1,1,0,'0db92a2a75ae9c072a31897b822bb8f4a231b26333846efde76a7e676cb125d5','{"text":"slow 4","times":1}','{}','[]',1);
CREATE TABLE parts (
        path TEXT PRIMARY KEY,
        batch TEXT NOT NULL,
        workspace TEXT NOT NULL,
        plan BLOB NOT NULL,
        jobs INTEGER NOT NULL,
        done INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        unknown INTEGER NOT NULL,
        again INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        keys BLOB NOT NULL,
        kept_at REAL NOT NULL
    ) STRICT;
INSERT INTO "parts" VALUES('@ROOT@/parts/parted/part-000000-d64aceac8215664d-a258dc9e402b.parquet','parted','local#fixture',X'D64ACEAC8215664DA31147FF9D348A26EB7D383988A54D5C9566EB8C7F89BDD8',3,3,0,0,0,3,X'BDCA38B88B839F85AD9FE25E4EEA414AFCB7512638DC0E52EE253F5436BF84497F672A7396826A2B8D9BFCF9F1F6A6E75690AD353FE0FE4D0A69AB15901A530F24977B8BBF4531688CE6AE73BCE5262CF6836697CCA164A98D455CC649D5361C',1.79580076050629305e+09);
INSERT INTO "parts" VALUES('@ROOT@/parts/parted/part-000001-dcb88f6bf2539866-a258dc9e402b.parquet','parted','local#fixture',X'DCB88F6BF25398663AAFF7E1A89C9CC061CE7F7AFDA670CD70207424F62A7745',3,2,1,0,0,3,X'9A03C864B90D369316C06D9D463E895E17E96528253727A8E3F183FA4BAA945E651D8D15FFF2C70E0CB4E20C511E592CBF5B37A8E666E96701D44DB7097D094A8787789C6038ED97A909B82D52DC32755FADC4068C1208E823095BC7232745D3',1.7958007605128169e+09);
CREATE TABLE pending (
        id TEXT PRIMARY KEY,
        workspace TEXT NOT NULL,
        key TEXT NOT NULL,
        batch TEXT,
        deployment TEXT NOT NULL,
        variant TEXT,
        inputs TEXT NOT NULL,
        metadata TEXT NOT NULL,
        callback_url TEXT,
        status TEXT NOT NULL,
        request_id TEXT,
        run_id TEXT,
        calls INTEGER NOT NULL,
        owner TEXT NOT NULL,
        submitted_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
INSERT INTO "pending" VALUES('4ef009308c1144fc9eb67caff208cdf0','local#fixture','01b57234810be85a4fcb32360d9335ff2bf6b274c701899b4460a30ca92ed0d1',NULL,'shout','loud','{"text":"slow other","times":1}','{}','https://no-receiver.invalid/fixture','running','req_4f7d4e4b2a017dd314b918988884ae8c',NULL,1,'b94be0df50d94b3d8cdc31995f3ecfba',1.79580076254587101e+09);
INSERT INTO "pending" VALUES('699169b4f40748cf8b05edcb4bab59540','local#fixture','ef9ccaaf903b22fe625e913db720f58bcb994c7cdbf6879628972b8d4b5633ad','queued','shout','loud','{"text":"slow 3","times":1}','{"fh_batch":"queued","fh_row":0,"fh_variant":"loud","fh_repeat":1,"fh_job":"ef9ccaaf903b22fe625e913db720f58bcb994c7cdbf6879628972b8d4b5633ad"}','https://no-receiver.invalid/fetchhive','running','req_7159e7cc1adcf0f8f69329005b2d60f0',NULL,1,'b94be0df50d94b3d8cdc31995f3ecfba',1795800762.55783);
INSERT INTO "pending" VALUES('699169b4f40748cf8b05edcb4bab59541','local#fixture','0db92a2a75ae9c072a31897b822bb8f4a231b26333846efde76a7e676cb125d5','queued','shout','loud','{"text":"slow 4","times":1}','{"fh_batch":"queued","fh_row":1,"fh_variant":"loud","fh_repeat":1,"fh_job":"0db92a2a75ae9c072a31897b822bb8f4a231b26333846efde76a7e676cb125d5"}','https://no-receiver.invalid/fetchhive','running','req_dd2352a21c1bb93bd7a2b975247166e4',NULL,1,'b94be0df50d94b3d8cdc31995f3ecfba',1.7958007625579729e+09);
INSERT INTO "pending" VALUES('d01cdf1a783d4608be2234bc714218ed','local#fixture','e6ef1183b9a46c2179ec4665f40d23b6d269b54ba7c3fa7526141f2e9778f2f5',NULL,'shout','loud','{"text":"slow single","times":1}','{}','https://no-receiver.invalid/fixture','running','req_7fe2ae348156d1a34d941d4aa646cb3d',NULL,1,'b94be0df50d94b3d8cdc31995f3ecfba',1.79580076239299297e+09);
CREATE TABLE plain_scores (
        content TEXT NOT NULL,
        scorer TEXT NOT NULL,
        score REAL,
        parts TEXT,
        scored_at REAL NOT NULL,
        PRIMARY KEY (content, scorer)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE ratings (
        uid TEXT PRIMARY KEY,
        rater TEXT NOT NULL,
        kind TEXT NOT NULL,
        item TEXT NOT NULL,
        batch TEXT NOT NULL,
        workspace TEXT NOT NULL,
        row TEXT NOT NULL,
        a TEXT NOT NULL,
        b TEXT,
        shown TEXT NOT NULL,
        choice TEXT NOT NULL,
        seconds REAL NOT NULL,
        rated_at REAL NOT NULL,
        undone_at REAL
    ) STRICT, WITHOUT ROWID;
INSERT INTO "ratings" VALUES('a40e011b54c84afd8bc9be62e81a55e1-1','anna','pair','0177364543adbcc6f4e28e9063b6f8d2','tickets','local#fixture','"p"','loud','soft','ba','a',1.5,1.79580076058262491e+09,NULL);
INSERT INTO "ratings" VALUES('a40e011b54c84afd8bc9be62e81a55e1-2','anna','pair','11f2375b2b5b3e15ad70c66ba65b85ac','tickets','local#fixture','"t"','loud','soft','ab','skip',1.5,1.79580076058263492e+09,NULL);
INSERT INTO "ratings" VALUES('a40e011b54c84afd8bc9be62e81a55e1-3','anna','pair','01487e4171862e26c2ccb2d3398759c5','tickets','local#fixture','"r"','loud','soft','ba','a',1.5,1.79580076058264493e+09,NULL);
INSERT INTO "ratings" VALUES('a40e011b54c84afd8bc9be62e81a55e1-4','anna','pair','1207d3d64476e858fc45fd260dc9ff75','tickets','local#fixture','"s"','loud','soft','ab','a',1.5,1.79580076058265495e+09,NULL);
CREATE TABLE rows (
        batch INTEGER NOT NULL,
        position INTEGER NOT NULL,
        label TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (batch, position)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "rows" VALUES(1,0,'"p"','{"text":"Hi","n":1.0,"expected_output":"HI"}');
INSERT INTO "rows" VALUES(1,1,'"q"','{"text":"bad day","n":2.0,"expected_output":"x"}');
INSERT INTO "rows" VALUES(1,2,'"r"','{"text":"Late","expected_output":"LATE"}');
INSERT INTO "rows" VALUES(1,3,'"s"','{"text":"Hi","n":4.0,"expected_output":"HI"}');
INSERT INTO "rows" VALUES(1,4,'"t"','{"text":"Über ☃\nlines","n":5.0}');
INSERT INTO "rows" VALUES(2,0,'0','{"text":"fits","times":1}');
INSERT INTO "rows" VALUES(2,1,'1','{"text":"refused","times":"many"}');
INSERT INTO "rows" VALUES(3,0,'0','{"text":"one"}');
INSERT INTO "rows" VALUES(3,1,'1','{"text":"two","times":2}');
INSERT INTO "rows" VALUES(4,0,'0','{"text":"first"}');
INSERT INTO "rows" VALUES(4,1,'1','{"text":"second"}');
INSERT INTO "rows" VALUES(7,0,'0','{"text":"Hi","n":1.0,"input":"{\"text\": \"Hi\", \"times\": 1}","expected":"HI","rubric":"Is it quiet?","output":"HI"}');
INSERT INTO "rows" VALUES(7,1,'1','{"text":"Hi","n":1.0,"input":"{\"text\": \"Hi\", \"times\": 1}","expected":"HI","rubric":"Is it quiet?","output":"{\n  \"said\": \"hi\",\n  \"times\": 1\n}"}');
INSERT INTO "rows" VALUES(7,2,'2','{"text":"bad day","n":2.0,"input":"{\"text\": \"bad day\", \"times\": 1}","expected":"x","rubric":"Is it quiet?","output":"{\n  \"said\": \"bad day\",\n  \"times\": 1\n}"}');
INSERT INTO "rows" VALUES(7,3,'3','{"text":"Late","n":null,"input":"{\"text\": \"Late\", \"times\": 1}","expected":"LATE","rubric":"Is it quiet?","output":"LATE"}');
INSERT INTO "rows" VALUES(7,4,'4','{"text":"Late","n":null,"input":"{\"text\": \"Late\", \"times\": 1}","expected":"LATE","rubric":"Is it quiet?","output":"{\n  \"said\": \"late\",\n  \"times\": 1\n}"}');
INSERT INTO "rows" VALUES(7,5,'5','{"text":"Hi","n":4.0,"input":"{\"text\": \"Hi\", \"times\": 1}","expected":"HI","rubric":"Is it quiet?","output":"HI"}');
INSERT INTO "rows" VALUES(7,6,'6','{"text":"Hi","n":4.0,"input":"{\"text\": \"Hi\", \"times\": 1}","expected":"HI","rubric":"Is it quiet?","output":"{\n  \"said\": \"hi\",\n  \"times\": 1\n}"}');
INSERT INTO "rows" VALUES(7,7,'7','{"text":"Über ☃\nlines","n":5.0,"input":"{\"text\": \"Über ☃\\nlines\", \"times\": 1}","rubric":"Is it quiet?","output":"ÜBER ☃\nLINES"}');
INSERT INTO "rows" VALUES(7,8,'8','{"text":"Über ☃\nlines","n":5.0,"input":"{\"text\": \"Über ☃\\nlines\", \"times\": 1}","rubric":"Is it quiet?","output":"{\n  \"said\": \"über ☃\\nlines\",\n  \"times\": 1\n}"}');
INSERT INTO "rows" VALUES(8,0,'0','{"text":"quick 1"}');
INSERT INTO "rows" VALUES(8,1,'1','{"text":"quick 2"}');
INSERT INTO "rows" VALUES(8,2,'2','{"text":"slow 1"}');
INSERT INTO "rows" VALUES(8,3,'3','{"text":"slow 2"}');
INSERT INTO "rows" VALUES(9,0,'0','{"text":"slow 3"}');
INSERT INTO "rows" VALUES(9,1,'1','{"text":"slow 4"}');
CREATE TABLE scores (
        answer INTEGER NOT NULL,
        scorer TEXT NOT NULL,
        of TEXT NOT NULL,
        score REAL,
        parts TEXT,
        scored_at REAL NOT NULL,
        PRIMARY KEY (answer, scorer, of)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "scores" VALUES(1,'letters 1','3e88ee9496a441b50c35cda30192f409',2.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(2,'letters 1','b670bc97ed99daf6894dacd84736eec2',32.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(4,'letters 1','dea2c7be3939156aba3d7d3dcc63bcd9',37.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(5,'letters 1','f3295fbbf1246eb4f528382fbf552c4a',4.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(6,'letters 1','c825add9d2d01635c4562ccfd3aaf4e7',34.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(7,'letters 1','c6b904f2baf61c5446f89c0bdcfdef9b',12.0,NULL,1.795800760558995e+09);
INSERT INTO "scores" VALUES(8,'letters 1','48ee828ee0f71ecb16ccc99097e84e64',43.0,NULL,1.795800760558995e+09);
CREATE INDEX answers_by_batch ON answers (batch, key, id);
CREATE INDEX answers_by_key ON answers (key, id);
CREATE INDEX answers_by_deployment ON answers (workspace, deployment, id);
CREATE INDEX answers_by_time ON answers (workspace, kept_at, calls);
CREATE TRIGGER scores_leave AFTER DELETE ON answers BEGIN DELETE FROM scores WHERE answer = old.id; END;
CREATE INDEX pending_by_batch ON pending (batch, key);
CREATE INDEX ratings_by_item ON ratings (item);
CREATE INDEX ratings_by_batch ON ratings (batch, workspace);
CREATE INDEX parts_by_batch ON parts (workspace, batch);
COMMIT;
