# box_new: 8 instructions, budget 8
# rustc 1.95.0
 0  push rax
 1  mov rcx,0xffffffffffffffe0
 2  mov rcx,QWORD PTR fs:[rcx]
 3  mov rdx,QWORD PTR [rcx+0x20]
 4  mov rax,QWORD PTR [rdx-0x8]
 5  test rax,rax
 6  je <off the path>
 7  add rdx,0xfffffffffffffff8
 8  mov QWORD PTR [rcx+0x20],rdx
 9  pop rcx
10  ret
