# Encoding and decoding with several threads; the frames' digests must be the same. Not mjpeg: with several
# threads its files differ from run to run on any allocator.
common='-hide_banner -loglevel error -nostdin -y'
ffmpeg $common -f lavfi -i testsrc=size=640x360:rate=25:duration=8 -f lavfi -i sine=frequency=440:duration=8 \
    -threads 4 -flags bitexact -fflags bitexact -c:v mpeg4 -q:v 4 -c:a aac -b:a 96k out/a.mkv
ffmpeg $common -threads 4 -i out/a.mkv -f framemd5 -
ffmpeg $common -i out/a.mkv -vf 'scale=320:180,hue=h=90,boxblur=3' -threads 4 -flags bitexact -fflags bitexact \
    -c:v ffv1 -level 3 -slices 4 -an out/b.avi
